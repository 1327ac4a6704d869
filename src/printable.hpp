// Text from outside, fit for a line of a log: whoever wrote it can neither begin a line of its own nor fill the log.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sse {

inline constexpr std::size_t kMaxPrintable = 512;  // bytes

inline bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

// Control characters become "?"; what is longer than kMaxPrintable ends in "...".
std::string printable(std::string_view text);

}  // namespace sse
