#pragma once

#include "options.hpp"
#include "shared.hpp"
#include "stamp.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace sse::bench {

// What one reader process has received, message by message. Adds it to the shared counters once per round of the event loop.
class Tally {
 public:
  // In a sequence: this channel has not been heard yet.
  static constexpr uint32_t kUnheard = UINT32_MAX;

  // `progress` is an eventfd, written to when all that was published has arrived.
  Tally(const Options& options, Shared& shared, ReaderCounters& counters, int progress)
      : options_(options), shared_(shared), counters_(counters), progress_(progress) {}

  // Bytes have been read, now.
  void received(size_t length);

  // A message of `size` bytes, which begins so, came to a subscriber; `next` has, per channel of its own, the sequence that is due. False
  // if it was not for it.
  bool add(uint32_t subscriber, std::vector<uint32_t>& next, std::string_view begin, size_t size);

  void end_round();

 private:
  const Options& options_;
  Shared& shared_;
  ReaderCounters& counters_;
  int progress_;
  StampParser stamps_;
  int64_t received_ns_ = 0;  // when the bytes at hand were read

  // This round's, not in shared memory yet.
  uint64_t deliveries_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace sse::bench
