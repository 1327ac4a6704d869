// One server-sent event, as fields; and which field contents may go to a client.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sse {

// Views into the payload, or into the scratch memory of who made the event. Data and name may hold invalid UTF-8 and any line end:
// append_event (frame.hpp) repairs and splits them. An id is always valid (is_valid_event_id).
struct Event {
  std::string_view data;
  bool has_data = false;  // without data a client takes id and retry, and dispatches nothing
  std::string_view name;  // empty: none of its own
  std::string_view id;
  bool has_id = false;  // an empty id clears the client's last one
  std::optional<std::uint32_t> retry_ms;
};

// What a publisher got wrong in a message that is delivered all the same; for counters and the log.
struct DecodeNotes {
  bool not_json = false;       // sent as text
  bool invalid_field = false;  // a field was left out: wrong type, or content that must not go to a client
};

inline constexpr std::size_t kMaxEventId = 128;  // bytes

// No CR, LF or NUL.
bool is_valid_event_name(std::string_view name);

// At most kMaxEventId bytes of printable ASCII that a browser may send back in Last-Event-ID, across origins too: none of "():<>?@[\]{}
// and no space at either end, which a header would lose. May be empty.
bool is_valid_event_id(std::string_view id);

}  // namespace sse
