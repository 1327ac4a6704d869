// Payload form `event`: lines of an event stream (WHATWG HTML, "Interpreting an event stream").
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "event.hpp"

namespace sse {

// Appends the events of `payload` to `events`; comments, unknown fields and events that would tell a client nothing are dropped. A last
// event without its blank line counts too. Replaces the content of `scratch`; views in the events point into it and into `payload`.
void decode_event_payload(std::string_view payload, std::string& scratch, std::vector<Event>& events, DecodeNotes& notes);

}  // namespace sse
