// The fan-out engine of one worker: which logs have news, which subscribers get it now, which have to wait.
// It knows subscribers and bytes; it does no I/O and reads no clock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "channel_log.hpp"
#include "counters.hpp"
#include "keepalive_queues.hpp"
#include "message_encoder.hpp"
#include "subscriber.hpp"

namespace sse {

// Says when a slice of work has taken its time.
class Deadline {
 public:
  virtual bool is_over() = 0;

 protected:
  ~Deadline() = default;
};

// Told once when there is work for Hub::flush and there was none before.
class FlushScheduler {
 public:
  virtual void schedule_flush() = 0;

 protected:
  ~FlushScheduler() = default;
};

class Hub final : public LogObserver {
 public:
  explicit Hub(FlushScheduler& scheduler) : scheduler_(scheduler) {}
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  Counters& counters() { return counters_; }
  MemoryMeter& memory() { return memory_; }
  MessageEncoder& encoder() { return encoder_; }

  // A frame for every subscriber of this log.
  void publish(ChannelLog& log, std::string_view frame, std::string_view id, std::uint64_t now_ms);

  // All channels of this waiting subscriber are confirmed, or waited for long enough: its sink's confirmed() is called from a coming
  // flush.
  void admit(Subscriber& subscriber);

  // The response header is on its way: gives the subscriber its cursors. What is published from here on reaches it.
  void open(Subscriber& subscriber, Framing framing, std::uint64_t now_ms);

  // There may be room again.
  void on_writable(Subscriber& subscriber, std::uint64_t now_ms);

  // Ends a stream at the next frame boundary, with `farewell` (whole events, may be empty) as its last bytes. One that is not open yet
  // opens first, and ends without it.
  void finish(Subscriber& subscriber, CloseReason reason, std::string_view farewell, std::uint64_t now_ms);

  // Writes what is due until all is written or the slice is over; true when there is more to do. Also sends the keepalives that are due.
  bool flush(Deadline& deadline, std::uint64_t now_ms);

  // Cuts subscribers whose oldest unsent byte is older than their send timeout. To be called about once a second.
  void check_timeouts(std::uint64_t now_ms);

  // When flush has a keepalive to send although nothing was published; UINT64_MAX: never.
  std::uint64_t next_keepalive_ms() const { return keepalives_.next_due_ms(); }

  // The subscriber leaves: no list of this hub and no log knows it afterwards. Its topics are left by their source.
  void forget(Subscriber& subscriber);

  void fell_out(Subscription& subscription, const LogSegment& segment) override;

 private:
  void mark_dirty(ChannelLog& log);
  bool has_work(std::uint64_t now_ms) const;
  bool flush_log(ChannelLog& log, Deadline& deadline, std::uint64_t now_ms);
  void keep_alive(Subscriber& subscriber, std::uint64_t now_ms);

  // Writes what is due to this subscriber, and puts its subscriptions where they belong afterwards.
  void write(Subscriber& subscriber, std::uint64_t now_ms);
  // Queues whole events as one frame of its own.
  void push_own(Subscriber& subscriber, std::string_view events, std::uint64_t now_ms);
  void block(Subscriber& subscriber);
  void unblock(Subscriber& subscriber);
  // Deals with cursors that the logs have left behind while this worker was busy.
  void drop_overrun(Subscriber& subscriber, std::uint64_t now_ms);
  void push_skip_reset(Subscription& subscription, std::uint64_t now_ms);
  // It reads no more: none of its places in a log holds bytes, or counts as a reader.
  void leave_logs(Subscriber& subscriber);
  void cut(Subscriber& subscriber, CloseReason reason);

  FlushScheduler& scheduler_;
  Counters counters_;
  MemoryMeter memory_;
  MessageEncoder encoder_;
  KeepaliveQueues keepalives_;
  List<ChannelLog, DirtyLogs> dirty_;
  List<Subscriber, ByOpening> opening_;
  List<Subscriber, ByBlocked> blocked_;  // open, without room in the socket
  std::uint64_t sequence_ = 0;
  std::uint64_t now_ms_ = 0;  // as of the last call that brought one
};

}  // namespace sse
