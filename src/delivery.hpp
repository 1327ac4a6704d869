// Gives subscribers their bytes: everything that is due to one of them in one call, keepalives when it is silent, a reset or an end
// when it is too slow.
#pragma once

#include <cstdint>
#include <string_view>

#include "channel_log.hpp"
#include "counters.hpp"
#include "keepalive_queues.hpp"
#include "segment.hpp"
#include "send_group.hpp"
#include "slow_readers.hpp"
#include "subscriber.hpp"

namespace sse {

class Delivery final : public LogObserver, private SlowReaderCloser {
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

  // Queues whole events as one frame of its own, before everything that is not begun.
  void push_own(Subscriber& subscriber, std::string_view events, std::uint64_t now_ms);

  // Null, as in the beginning: every subscriber's bytes are sent by themselves. Must outlive this.
  void set_group_sender(GroupSender* sender) { group_sender_ = sender; }

  // As `write`, for who is not blocked, but the bytes may wait for others': until `write_group`, which is to be called before anything
  // else is done to one of the subscribers or to their logs.
  void write_with_others(Subscriber& subscriber, std::uint64_t now_ms);
  void write_group(std::uint64_t now_ms);
  // To be called first: an exception may have left a group unsent.
  void begin_group() { group_.clear(); }

  // Ends an open stream at the next frame boundary, with `farewell` (whole events, may be empty) as its last bytes. If
  // there is room in its socket, what is due to it comes before that.
  void end(Subscriber& subscriber, CloseReason reason, std::string_view farewell, std::uint64_t now_ms);

  // Sends a comment to one subscriber that has been silent for its interval, as `write_with_others`; false when there is none.
  bool keep_one_alive(std::uint64_t now_ms);
  std::uint64_t next_keepalive_ms() const { return keepalives_.next_due_ms(); }  // UINT64_MAX: never

  SlowReaders& slow_readers() { return slow_readers_; }

  // The subscription leaves the log of a durable channel: a replay will bring what the log has no more.
  void park(Subscription& subscription, std::uint64_t now_ms);

  // No list of this object and no log knows the subscriber afterwards.
  void forget(Subscriber& subscriber);

  void fell_out(Subscription& subscription, const LogSegment& segment, std::uint64_t now_ms) override;

 private:
  // The sink has answered. False when nothing more is to be offered to it.
  bool was_sent(Subscriber& subscriber, const Batch& batch, SendResult result, std::uint64_t now_ms);
  void push_skip_reset(Subscription& subscription, std::uint64_t now_ms);
  void block(Subscriber& subscriber);
  void unblock(Subscriber& subscriber, std::uint64_t now_ms);
  // Deals with cursors that the logs have left behind while this worker was busy.
  void drop_overrun(Subscriber& subscriber, std::uint64_t now_ms);
  // It reads no more: none of its places in a log holds bytes, or counts as a reader.
  void leave_logs(Subscriber& subscriber);
  void cut(Subscriber& subscriber, CloseReason reason);
  void cut_slow(Subscriber& subscriber, const char* limit);
  void close_timed_out(Subscriber& subscriber) override;
  void close_over_total(Subscriber& subscriber) override;

  Counters counters_;
  MemoryMeter memory_;
  KeepaliveQueues keepalives_;
  SlowReaders slow_readers_{memory_, *this};
  GroupSender* group_sender_ = nullptr;
  SendGroup group_;
};

}  // namespace sse
