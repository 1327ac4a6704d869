#include "lone_surrogates.hpp"

#include <cstddef>
#include <string_view>

namespace sse {

namespace {

// The code unit of the escape `\uXXXX` at `at`; -1 when there is none.
int escaped_unit(std::string_view json, std::size_t at) {
  if (json.size() - at < 6 || json[at] != '\\' || json[at + 1] != 'u') {
    return -1;
  }
  int unit = 0;
  for (std::size_t i = at + 2; i < at + 6; ++i) {
    const char c = json[i];
    const bool is_digit = c >= '0' && c <= '9';
    const char letter = static_cast<char>(c | 0x20);
    if (!is_digit && (letter < 'a' || letter > 'f')) {
      return -1;
    }
    unit = unit * 16 + (is_digit ? c - '0' : letter - 'a' + 10);
  }
  return unit;
}

bool is_high(int unit) { return unit >= 0xD800 && unit <= 0xDBFF; }
bool is_low(int unit) { return unit >= 0xDC00 && unit <= 0xDFFF; }

}  // namespace

void replace_lone_surrogates(std::string& json) {
  // A backslash occurs in strings only, so no other syntax matters.
  std::size_t at = 0;
  while ((at = json.find('\\', at)) != std::string::npos) {
    const int unit = escaped_unit(json, at);
    if (unit < 0) {
      at += 2;
    } else if (is_high(unit) && is_low(escaped_unit(json, at + 6))) {
      at += 12;
    } else {
      if (is_high(unit) || is_low(unit)) {
        json.replace(at, 6, "\\ufffd");
      }
      at += 6;
    }
  }
}

}  // namespace sse
