#include "payload_decoder.hpp"

#include <algorithm>
#include <iterator>

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

const std::vector<Event>& PayloadDecoder::decode_entry(PayloadForm form, const EntryContent& entry, std::string_view id,
                                                       DecodeNotes& notes) {
  decode(entry.is_object ? PayloadForm::text : form, entry.data, notes);
  if (events_.empty() && (!id.empty() || entry.retry_ms)) {
    events_.emplace_back();
  }
  bool has_retry = false;
  for (Event& event : events_) {
    event.has_id = false;
    event.name = event.name.empty() ? entry.name : event.name;
    has_retry = has_retry || event.retry_ms;
  }
  // An event of an id alone, which now has none, would tell a client nothing.
  const auto is_void = [](const Event& event) { return !event.has_data && !event.retry_ms; };
  if (!events_.empty()) {
    events_.erase(std::remove_if(events_.begin(), std::prev(events_.end()), is_void), std::prev(events_.end()));
    Event& last = events_.back();
    last.id = id;
    last.has_id = !id.empty();
    last.retry_ms = has_retry ? last.retry_ms : entry.retry_ms;
    if (is_void(last) && !last.has_id) {
      events_.pop_back();
    }
  }
  return events_;
}

}  // namespace sse
