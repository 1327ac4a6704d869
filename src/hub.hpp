// The fan-out engine of one worker, and its turns: which logs have news, which subscribers get it now, which have to wait.
// It knows subscribers and bytes; it does no I/O and reads no clock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "channel_log.hpp"
#include "counters.hpp"
#include "delivery.hpp"
#include "list.hpp"
#include "message_encoder.hpp"
#include "subscriber.hpp"
#include "topic_budget.hpp"

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

class Hub final {
 public:
  explicit Hub(FlushScheduler& scheduler) : scheduler_(scheduler) {}
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  Counters& counters() { return delivery_.counters(); }
  MemoryMeter& memory() { return delivery_.memory(); }
  MessageEncoder& encoder() { return encoder_; }
  // Most bytes that all logs, pinned frames and unsent bytes may hold together; 0: no limit. Slow readers make room, the slowest first.
  // Before them, the windows of durable channels do, those of the longest silent ones first.
  void set_memory_limit(std::size_t bytes, Leftovers* leftovers = nullptr) {
    memory_limit_ = bytes;
    delivery_.slow_readers().set_memory_limit(bytes, leftovers);
  }
  // Sends for several subscribers at once, where their sinks allow it; null: nobody does. Must outlive this.
  void set_group_sender(GroupSender* sender) { delivery_.set_group_sender(sender); }
  // What the clock on the wall shows beyond now_ms, in ms since 1970: for lag alone. 0, as in the beginning: not known.
  void set_wall_offset(std::uint64_t ms) { wall_offset_ms_ = ms; }
  // An entry with this time in its id was read.
  void count_lag(std::uint64_t id_ms, std::uint64_t now_ms);
  TopicBudget& topic_budget() { return topic_budget_; }
  LogObserver& log_observer() { return delivery_; }

  // A frame for every subscriber of this log.
  void publish(ChannelLog& log, std::string_view frame, std::string_view id, std::uint64_t now_ms);

  // The same in the log of a durable channel.
  void publish_entry(ChannelLog& log, std::string_view frame, const EntryMark& mark, std::uint64_t now_ms);

  // Whole events for one subscriber alone, before everything that it was not yet given. It is open, or opens now.
  void tell(Subscriber& subscriber, std::string_view events, std::uint64_t now_ms);

  // Subscriptions have come into this log, or can write again: they are visited by a coming flush, and its follower is told.
  void offer(ChannelLog& log);

  // The subscription leaves the log of a durable channel, and its topic is told.
  void park(Subscription& subscription, std::uint64_t now_ms) { delivery_.park(subscription, now_ms); }

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
  void check_timeouts(std::uint64_t now_ms) { delivery_.slow_readers().check_timeouts(now_ms); }

  // When flush has a keepalive to send although nothing was published; UINT64_MAX: never.
  std::uint64_t next_keepalive_ms() const { return delivery_.next_keepalive_ms(); }

  // The subscriber leaves: no list of this hub and no log knows it afterwards. Its topics are left by their source.
  void forget(Subscriber& subscriber) { delivery_.forget(subscriber); }

 private:
  void tell_position(Subscriber& subscriber, std::uint64_t now_ms);
  bool deliver_until(Deadline& deadline, std::uint64_t now_ms);
  void shrink_windows();
  void relieve_memory(std::uint64_t now_ms);
  bool has_work(std::uint64_t now_ms) const;
  bool flush_log(ChannelLog& log, Deadline& deadline, std::uint64_t now_ms);

  FlushScheduler& scheduler_;
  Delivery delivery_;
  MessageEncoder encoder_;
  TopicBudget topic_budget_;
  std::size_t memory_limit_ = 0;
  std::uint64_t wall_offset_ms_ = 0;
  List<ChannelLog, DirtyLogs> dirty_;
  List<ChannelLog, Windows> windows_;
  List<Subscriber, ByOpening> told_;
  List<Subscriber, ByOpening> opening_;
  std::uint64_t sequence_ = 0;
};

}  // namespace sse
