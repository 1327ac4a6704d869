// Gives subscribers their bytes: everything that is due to one of them in one call, keepalives when it is silent, and what becomes of
// those whose socket is full.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "channel_log.hpp"
#include "counters.hpp"
#include "keepalive_queues.hpp"
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

class Delivery final : public LogObserver {
 public:
  Delivery() = default;
  Delivery(const Delivery&) = delete;
  Delivery& operator=(const Delivery&) = delete;

  Counters& counters() { return counters_; }
  MemoryMeter& memory() { return memory_; }

  // The subscriber is open, and has its places in the logs.
  void begin(Subscriber& subscriber, std::uint64_t now_ms);

  // Writes what is due to this subscriber, and puts its subscriptions where they belong afterwards.
  void write(Subscriber& subscriber, std::uint64_t now_ms);

  // Ends an open stream at the next frame boundary, with `farewell` (whole events, may be empty) as its last bytes. If
  // there is room in its socket, what is due to it comes before that.
  void end(Subscriber& subscriber, CloseReason reason, std::string_view farewell, std::uint64_t now_ms);

  // Sends a comment to one subscriber that has been silent for its interval; false when there is none.
  bool keep_one_alive(std::uint64_t now_ms);
  std::uint64_t next_keepalive_ms() const { return keepalives_.next_due_ms(); }  // UINT64_MAX: never

  // Cuts subscribers whose oldest unsent byte is older than their send timeout.
  void check_timeouts(std::uint64_t now_ms);

  // Most bytes that logs, pinned frames and unsent bytes may hold together; 0: no limit. `leftovers` must outlive this; null: none.
  void set_memory_limit(std::size_t bytes, Leftovers* leftovers) {
    memory_limit_ = bytes;
    leftovers_ = leftovers;
  }

  // Over the limit, has leftovers let go of first, then pushes out blocked subscribers, the slowest first, by their policy, then cuts who
  // still pins bytes. Gives how many bytes too many are left to what is not a slow reader's.
  std::size_t relieve_memory(std::uint64_t now_ms);

  // No list of this object and no log knows the subscriber afterwards.
  void forget(Subscriber& subscriber);

  void fell_out(Subscription& subscription, const LogSegment& segment, std::uint64_t now_ms) override;

 private:
  // Queues whole events as one frame of its own.
  void push_own(Subscriber& subscriber, std::string_view events, std::uint64_t now_ms);
  void push_skip_reset(Subscription& subscription, std::uint64_t now_ms);
  void block(Subscriber& subscriber);
  void unblock(Subscriber& subscriber);
  // Deals with cursors that the logs have left behind while this worker was busy.
  void drop_overrun(Subscriber& subscriber, std::uint64_t now_ms);
  // It reads no more: none of its places in a log holds bytes, or counts as a reader.
  void leave_logs(Subscriber& subscriber);
  void cut(Subscriber& subscriber, CloseReason reason);
  void cut_slow(Subscriber& subscriber, const char* limit);
  // Since when this blocked subscriber has a byte that has not left.
  static std::uint64_t waiting_since_ms(const Subscriber& subscriber, std::uint64_t now_ms);
  // Whether others gain by its end.
  static bool holds_memory(const Subscriber& subscriber);
  std::vector<Subscriber*> slowest_first(std::uint64_t now_ms);

  Counters counters_;
  MemoryMeter memory_;
  std::size_t memory_limit_ = 0;
  Leftovers* leftovers_ = nullptr;
  KeepaliveQueues keepalives_;
  List<Subscriber, ByBlocked> blocked_;  // open, without room in the socket
};

}  // namespace sse
