#include "payload_decoder.hpp"

#include "event_payload.hpp"
#include "scratch.hpp"

namespace sse {

const std::vector<Event>& PayloadDecoder::decode(PayloadForm form, std::string_view payload, DecodeNotes& notes) {
  recycle(events_);
  if (form == PayloadForm::event) {
    decode_event_payload(payload, scratch_, events_, notes);
    return events_;
  }
  Event event;
  if (form == PayloadForm::text || !json_.decode(payload, event, notes)) {
    notes.not_json = notes.not_json || form == PayloadForm::json;
    event.data = payload;
    event.has_data = true;
  }
  events_.push_back(event);
  return events_;
}

}  // namespace sse
