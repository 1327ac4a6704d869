#include "event.hpp"

#include <algorithm>

namespace sse {

namespace {

// Whether it may be in a CORS-safelisted request header (WHATWG Fetch).
bool is_safe_in_header(char c) {
  switch (c) {
    case '"':
    case '(':
    case ')':
    case ':':
    case '<':
    case '>':
    case '?':
    case '@':
    case '[':
    case '\\':
    case ']':
    case '{':
    case '}':
      return false;
    default:
      return c >= 0x20 && c <= 0x7e;
  }
}

}  // namespace

bool is_valid_event_name(std::string_view name) {
  for (const char c : name) {
    if (c == '\r' || c == '\n' || c == '\0') {
      return false;
    }
  }
  return true;
}

bool is_valid_event_id(std::string_view id) {
  if (id.size() > kMaxEventId) {
    return false;
  }
  if (!id.empty() && (id.front() == ' ' || id.back() == ' ')) {
    return false;
  }
  return std::all_of(id.begin(), id.end(), is_safe_in_header);
}

}  // namespace sse
