#include "event.hpp"

namespace sse {

namespace {

// Bytes that must not be in a CORS-safelisted request header (WHATWG Fetch), among the printable ones.
constexpr std::string_view kUnsafeInHeader = "\"():<>?@[\\]{}";

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
  for (const char c : id) {
    if (c < 0x20 || c > 0x7e || kUnsafeInHeader.find(c) != std::string_view::npos) {
      return false;
    }
  }
  return true;
}

}  // namespace sse
