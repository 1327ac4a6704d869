#pragma once

#include "histogram.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>

namespace sse::bench {

constexpr size_t kMostReaders = 16;

// What a process says before it gives up; the first one counts.
struct Complaint {
  std::atomic<bool> is_made = false;
  std::array<char, 512> text{};
};

// Written by one reader process, after each round of its event loop.
struct ReaderCounters {
  std::atomic<uint64_t> open = 0;        // subscribers whose 200 arrived
  std::atomic<uint64_t> closed = 0;      // by the server, or broken
  std::atomic<uint64_t> warmed = 0;      // pairs of subscriber and channel that a message has reached
  std::atomic<uint64_t> deliveries = 0;  // of measured messages
  std::atomic<uint64_t> damaged = 0;     // of another size than was published; no deliveries
  std::atomic<uint64_t> duplicates = 0;
  std::atomic<uint64_t> gaps = 0;  // messages left out before one that arrived
  std::atomic<uint64_t> resets = 0;
  std::atomic<uint64_t> bytes = 0;
  std::atomic<int64_t> last_delivery_ns = 0;
  Histogram latency_ns;  // of a message; in mode replay, of a subscriber: until it had its last
};

// Memory that all processes of the generator share.
struct Shared {
  std::array<ReaderCounters, kMostReaders> readers;
  std::atomic<uint64_t> expected = 0;  // deliveries of what was published until now
  std::atomic<uint64_t> published = 0;
  std::atomic<int64_t> began_ns = 0;  // the publishing; in mode replay, the connecting
  std::atomic<int64_t> last_publish_ns = 0;
  std::atomic<int64_t> most_late_ns = 0;   // how far the publisher fell behind its timetable
  std::atomic<bool> is_cut_short = false;  // a closed loop in which a message did not reach everybody
  Histogram probe_ns;
  std::atomic<uint64_t> probe_failures = 0;
  Complaint complaint;

  uint64_t sum(std::atomic<uint64_t> ReaderCounters::*counter) const {
    uint64_t total = 0;
    for (const ReaderCounters& reader : readers) {
      total += (reader.*counter).load();
    }
    return total;
  }

  // Ends this process; the first complaint of all is shown to the user.
  template <class... Args>
  [[noreturn]] void fail(const char* format, Args... args) {
    if (!complaint.is_made.exchange(true)) {
      std::snprintf(complaint.text.data(), complaint.text.size(), format, args...);
    }
    std::_Exit(1);
  }
};

}  // namespace sse::bench
