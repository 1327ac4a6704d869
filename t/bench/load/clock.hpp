#pragma once

#include <ctime>

#include <cstdint>

namespace sse::bench {

// CLOCK_MONOTONIC: the same in all processes of the machine.
inline int64_t now_ns() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

inline void sleep_until_ns(int64_t due_ns) {
  timespec t{};
  t.tv_sec = due_ns / 1'000'000'000;
  t.tv_nsec = due_ns % 1'000'000'000;
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, nullptr) != 0) {
  }
}

constexpr int64_t kMillisecond = 1'000'000;
constexpr int64_t kSecond = 1'000'000'000;

}  // namespace sse::bench
