// How long to wait before the next attempt.
#pragma once

#include <cstdint>

namespace sse {

// Exponential with jitter: the delay doubles from `first_ms` to `cap_ms`, and each wait is drawn from its upper half, so that workers
// that lost the same broker do not come back together.
class Backoff {
 public:
  Backoff(std::uint32_t first_ms, std::uint32_t cap_ms);

  // Uniform in [delay / 2, delay]; `random` is 32 random bits.
  std::uint32_t next_ms(std::uint32_t random);

  void reset() { delay_ms_ = first_ms_; }

 private:
  std::uint32_t first_ms_;
  std::uint32_t cap_ms_;
  std::uint32_t delay_ms_;  // the next one
};

}  // namespace sse
