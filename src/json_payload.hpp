// Payload form `json`: {"data":…,"event":…,"id":…,"retry":…}.
#pragma once

#include <memory>
#include <string_view>

#include "event.hpp"

namespace sse {

// Keeps its memory from message to message. Throws std::bad_alloc only.
class JsonPayload {
 public:
  JsonPayload();
  ~JsonPayload();
  JsonPayload(const JsonPayload&) = delete;
  JsonPayload& operator=(const JsonPayload&) = delete;

  // False when the payload is not one JSON object; `event` and `notes` are then unchanged. Otherwise fills `event`, whose views stay
  // valid until the next call. `data` may be any value: a string is taken as it is, another as compact JSON with its numbers as written.
  bool decode(std::string_view payload, Event& event, DecodeNotes& notes);

 private:
  class Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace sse
