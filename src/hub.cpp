#include "hub.hpp"

#include <algorithm>
#include <cassert>
#include <string>

#include "frame.hpp"
#include "topic.hpp"

namespace sse {

namespace {

// How much is done of one kind before the next kind gets its turn. The deadline is asked before each write to a log's subscriber: a
// large frame takes long.
constexpr int kVisitsPerTurn = 64;
constexpr int kOpeningsPerTurn = 16;
constexpr int kKeepalivesPerTurn = 32;

constexpr std::uint64_t kDayMs = 86'400'000;

}  // namespace

void Hub::publish(ChannelLog& log, std::string_view frame, std::string_view id, std::uint64_t now_ms) {
  log.append(frame, id, ++sequence_, now_ms);
  offer(log);
}

void Hub::publish_entry(ChannelLog& log, std::string_view frame, const EntryMark& mark, std::uint64_t now_ms) {
  log.append_entry(frame, mark, ++sequence_, now_ms);
  if (log.has_window()) {
    windows_.push_back(log);
  }
  offer(log);
}

void Hub::tell(Subscriber& subscriber, std::string_view events, std::uint64_t now_ms) {
  delivery_.push_own(subscriber, events, now_ms);
  if (subscriber.state_ == Subscriber::State::open) {
    told_.push_back(subscriber);
    scheduler_.schedule_flush();
  }
}

void Hub::offer(ChannelLog& log) {
  if (!static_cast<ListNode<DirtyLogs>&>(log).is_linked()) {
    dirty_.push_back(log);
  }
  scheduler_.schedule_flush();
}

void Hub::admit(Subscriber& subscriber) {
  assert(subscriber.state_ == Subscriber::State::waiting);
  subscriber.state_ = Subscriber::State::opening;
  for (Subscription& subscription : subscriber) {
    subscription.unlink();  // from its topic's waiting list
  }
  opening_.push_back(subscriber);
  scheduler_.schedule_flush();
}

void Hub::open(Subscriber& subscriber, Framing framing, std::uint64_t now_ms) {
  assert(subscriber.state_ == Subscriber::State::opening);
  subscriber.state_ = Subscriber::State::open;
  subscriber.framing_ = framing;
  static_cast<ListNode<ByOpening>&>(subscriber).unlink();
  for (Subscription& subscription : subscriber) {
    subscription.topic->attach(subscription, subscriber.reading(), framing, now_ms);
  }
  if (subscriber.is_durable()) {
    tell_position(subscriber, now_ms);
  }
  delivery_.begin(subscriber, now_ms);
}

// A browser that has been given no id would come back without a cursor, and miss what came meanwhile.
void Hub::tell_position(Subscriber& subscriber, std::uint64_t now_ms) {
  if (subscriber.own_.size != 0 && subscriber.size() == 1) {
    return;  // a reset, which tells it; of several channels, perhaps not of all
  }
  const bool has_all = std::all_of(subscriber.begin(), subscriber.end(), [](const Subscription& s) { return s.durable->has_cursor; });
  std::string cursor;
  if (!has_all && subscriber.append_cursor(cursor)) {
    tell(subscriber, position_block(cursor), now_ms);
  }
}

void Hub::on_writable(Subscriber& subscriber, std::uint64_t now_ms) {
  if (subscriber.state_ == Subscriber::State::open) {
    delivery_.write(subscriber, now_ms);
  }
}

void Hub::finish(Subscriber& subscriber, CloseReason reason, std::string_view farewell, std::uint64_t now_ms) {
  if (subscriber.ending_ || subscriber.state_ == Subscriber::State::closed) {
    return;
  }
  if (subscriber.state_ == Subscriber::State::waiting) {
    admit(subscriber);
  }
  if (subscriber.state_ == Subscriber::State::open) {
    delivery_.end(subscriber, reason, farewell, now_ms);
  } else {  // it ends as soon as it is open
    subscriber.ending_ = true;
    subscriber.end_reason_ = reason;
  }
}

bool Hub::flush(Deadline& deadline, std::uint64_t now_ms) {
  const bool more = deliver_until(deadline, now_ms);
  relieve_memory(now_ms);  // after who can take bytes was offered them
  return more;
}

void Hub::count_lag(std::uint64_t id_ms, std::uint64_t now_ms) {
  const std::uint64_t wall_ms = now_ms + wall_offset_ms_;
  const std::uint64_t lag_ms = wall_ms > id_ms ? wall_ms - id_ms : 0;
  const bool is_of_today = wall_offset_ms_ != 0 && lag_ms <= kDayMs && id_ms <= wall_ms + kDayMs;
  if (is_of_today) {
    Counters& counted = counters();
    counted.lag_ms += lag_ms;
    counted.lag_ms_max = std::max(counted.lag_ms_max, lag_ms);
    ++counted.lags;
  }
}

void Hub::shrink_windows() {
  if (memory_limit_ == 0 || memory().bytes <= memory_limit_) {
    return;
  }
  List<ChannelLog, Windows> held;  // by who has yet to read them
  while (memory().bytes > memory_limit_ - memory_limit_ / 8) {
    ChannelLog* quietest = windows_.pop_front();
    if (quietest == nullptr) {
      break;
    }
    quietest->shrink_window(0);
    if (quietest->bytes() != 0) {
      held.push_back(*quietest);
    }
  }
  held.splice_back(windows_);
  windows_.splice_back(held);
}

// When slow readers hold nothing any more, this worker does not keep up with its brokers.
void Hub::relieve_memory(std::uint64_t now_ms) {
  shrink_windows();
  const std::size_t excess = delivery_.slow_readers().relieve_memory(now_ms);
  if (excess == 0) {
    return;
  }
  const std::size_t enough = memory().bytes > excess ? memory().bytes - excess : 0;
  while (memory().bytes > enough) {
    ChannelLog* largest = nullptr;
    for (ChannelLog* log = dirty_.front(); log != nullptr; log = dirty_.after(*log)) {
      if (log->older_bytes() > (largest == nullptr ? 0 : largest->older_bytes())) {
        largest = log;
      }
    }
    if (largest == nullptr) {
      break;
    }
    largest->drop_oldest(now_ms);
  }
}

bool Hub::deliver_until(Deadline& deadline, std::uint64_t now_ms) {
  bool more = true;
  delivery_.begin_group();
  while (more) {
    more = false;
    for (int i = 0; i < kOpeningsPerTurn && !opening_.empty(); ++i) {
      opening_.pop_front()->sink_->confirmed();
      more = true;
    }
    for (int i = 0; i < kKeepalivesPerTurn && delivery_.keep_one_alive(now_ms); ++i) {
      more = true;
    }
    if (!told_.empty()) {
      delivery_.write_group(now_ms);  // one of them may be in the group
    }
    for (int i = 0; i < kVisitsPerTurn && !told_.empty(); ++i) {
      Subscriber& told = *told_.pop_front();
      if (!told.blocked_) {
        delivery_.write_with_others(told, now_ms);
      }
      more = true;
    }
    delivery_.write_group(now_ms);
    if (ChannelLog* log = dirty_.pop_front()) {
      if (flush_log(*log, deadline, now_ms)) {
        dirty_.push_back(*log);
      }
      more = true;
    }
    if (more && deadline.is_over()) {
      return has_work(now_ms);
    }
  }
  return false;
}

bool Hub::has_work(std::uint64_t now_ms) const {
  return !opening_.empty() || !told_.empty() || !dirty_.empty() || delivery_.next_keepalive_ms() <= now_ms;
}

bool Hub::flush_log(ChannelLog& log, Deadline& deadline, std::uint64_t now_ms) {
  if (!log.in_round()) {
    log.begin_round();
  }
  for (int i = 0; i < kVisitsPerTurn && !(i != 0 && deadline.is_over()); ++i) {
    Subscription* next = log.next_pending();
    if (next == nullptr) {
      break;
    }
    if (next->offset != log.head()) {
      delivery_.write_with_others(*next->subscriber, now_ms);
    }
  }
  delivery_.write_group(now_ms);
  if (log.in_round()) {
    return true;
  }
  const bool has_more = log.end_round(now_ms);
  if (log.follower() != nullptr) {
    log.follower()->round_ended(log, now_ms);
  }
  return has_more;
}

}  // namespace sse
