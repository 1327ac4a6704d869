// Who is too slow, of those whose socket is full: how long a byte may wait for each of them, and how much memory all may hold together.
// How far one may fall behind in a channel is the log's to say: ChannelLog, LogObserver::fell_out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "list.hpp"
#include "segment.hpp"
#include "subscriber.hpp"

namespace sse {

// Bytes that a transport has yet to send of subscribers that have left.
class Leftovers {
 public:
  // At least so many of them are let go of soon, if there are so many. Gives how many will be.
  virtual std::size_t let_go(std::size_t bytes) = 0;

 protected:
  ~Leftovers() = default;
};

// Closes who is found too slow. The subscriber is removed from the slow readers, and keeps its memory.
class SlowReaderCloser {
 public:
  virtual void close_timed_out(Subscriber& subscriber) = 0;
  virtual void close_over_total(Subscriber& subscriber) = 0;

 protected:
  ~SlowReaderCloser() = default;
};

class SlowReaders {
 public:
  // Both must outlive this.
  SlowReaders(const MemoryMeter& memory, SlowReaderCloser& closer) : memory_(memory), closer_(closer) {}

  // The subscriber is open, and its socket is full.
  void add(Subscriber& subscriber) { readers_.push_back(subscriber); }
  // There is room, or it leaves.
  void remove(Subscriber& subscriber) { static_cast<ListNode<ByBlocked>&>(subscriber).unlink(); }

  // Closes those whose oldest unsent byte is older than their send timeout.
  void check_timeouts(std::uint64_t now_ms);

  // Most bytes that logs, pinned frames and unsent bytes may hold together; 0: no limit. `leftovers` must outlive this; null: none.
  void set_memory_limit(std::size_t bytes, Leftovers* leftovers) {
    memory_limit_ = bytes;
    leftovers_ = leftovers;
  }

  // Over the limit, has leftovers let go of first, then pushes readers out, the slowest first, by their policy, then closes who still pins
  // bytes. Gives how many bytes too many are left to what is not a slow reader's.
  std::size_t relieve_memory(std::uint64_t now_ms);

 private:
  // With the time since when a byte waits.
  using Aged = std::pair<std::uint64_t, Subscriber*>;

  static std::uint64_t waiting_since_ms(const Subscriber& subscriber, std::uint64_t now_ms);
  // Whether others gain by its end.
  static bool holds_memory(const Subscriber& subscriber);
  std::vector<Aged> slowest_first(std::uint64_t now_ms) const;

  const MemoryMeter& memory_;
  SlowReaderCloser& closer_;
  std::size_t memory_limit_ = 0;
  Leftovers* leftovers_ = nullptr;
  List<Subscriber, ByBlocked> readers_;
};

}  // namespace sse
