// From a broker's payload to events.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "encoding.hpp"
#include "event.hpp"
#include "json_payload.hpp"
#include "stream_entry.hpp"

namespace sse {

// Keeps its memory from message to message. Throws std::bad_alloc only.
class PayloadDecoder {
 public:
  // The result, and the views in it, stay valid until the next call and while `payload` lives. Form `text` and `json` give exactly one
  // event, form `event` any number. Sets flags in `notes`, clears none.
  const std::vector<Event>& decode(PayloadForm form, std::string_view payload, DecodeNotes& notes);

  // The same for an entry of a stream, whose `data` is the payload. Ids in it are ignored; `id`, which may be empty for none, is the last
  // event's: a client that gets only some of the events comes back for all of them. An entry without an event gives one without data, for
  // its id. Names and `retry` in the payload come before the entry's.
  const std::vector<Event>& decode_entry(PayloadForm form, const EntryContent& entry, std::string_view id, DecodeNotes& notes);

 private:
  JsonPayload json_;
  std::string scratch_;
  std::vector<Event> events_;
};

}  // namespace sse
