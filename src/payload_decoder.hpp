// From a broker's payload to events.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "encoding.hpp"
#include "event.hpp"
#include "json_payload.hpp"

namespace sse {

// Keeps its memory from message to message. Throws std::bad_alloc only.
class PayloadDecoder {
 public:
  // The result, and the views in it, stay valid until the next call and while `payload` lives. Form `text` and `json` give exactly one
  // event, form `event` any number. Sets flags in `notes`, clears none.
  const std::vector<Event>& decode(PayloadForm form, std::string_view payload, DecodeNotes& notes);

 private:
  JsonPayload json_;
  std::string scratch_;
  std::vector<Event> events_;
};

}  // namespace sse
