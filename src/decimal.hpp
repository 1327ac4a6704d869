// Unsigned decimal numbers in text.
#pragma once

#include <charconv>
#include <string_view>
#include <system_error>
#include <type_traits>

namespace sse {

// Digits only, no sign, at least one; false when it does not fit, too. `value` is then unchanged.
template <class Integer>
bool parse_decimal(std::string_view text, Integer& value) {
  static_assert(std::is_unsigned_v<Integer>, "from_chars takes a sign for others");
  Integer result = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), result);
  if (error != std::errc() || end != text.data() + text.size()) {
    return false;
  }
  value = result;
  return true;
}

}  // namespace sse
