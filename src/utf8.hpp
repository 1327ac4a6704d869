// UTF-8 as an event stream needs it: what is not valid is replaced, never passed on.
#pragma once

#include <string>
#include <string_view>

namespace sse {

bool is_valid_utf8(std::string_view bytes);

// Appends `bytes` with each maximal invalid subpart replaced by U+FFFD, as WHATWG's decoder does. Grows by at most 3 * bytes.size().
void append_utf8(std::string& out, std::string_view bytes);

// `text` without the byte order mark it may begin with.
std::string_view without_byte_order_mark(std::string_view text);

}  // namespace sse
