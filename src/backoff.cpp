#include "backoff.hpp"

#include <algorithm>

namespace sse {

Backoff::Backoff(std::uint32_t first_ms, std::uint32_t cap_ms)
    : first_ms_(std::min(std::max(first_ms, 1u), cap_ms)), cap_ms_(cap_ms), delay_ms_(first_ms_) {}

std::uint32_t Backoff::next_ms(std::uint32_t random) {
  const std::uint32_t delay = delay_ms_;
  delay_ms_ = delay > cap_ms_ / 2 ? cap_ms_ : delay * 2;
  const std::uint32_t least = delay / 2;
  const std::uint64_t choices = std::uint64_t{delay - least} + 1;
  return least + static_cast<std::uint32_t>((random * choices) >> 32);
}

}  // namespace sse
