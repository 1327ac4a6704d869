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

constexpr std::string_view kKeepalive = "keepalive";

}  // namespace

void Hub::publish(ChannelLog& log, std::string_view frame, std::string_view id, std::uint64_t now_ms) {
  now_ms_ = now_ms;
  log.append(frame, id, ++sequence_, now_ms);
  mark_dirty(log);
}

void Hub::mark_dirty(ChannelLog& log) {
  if (!log.is_linked()) {
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
  now_ms_ = now_ms;
  subscriber.state_ = Subscriber::State::open;
  subscriber.framing_ = framing;
  static_cast<ListNode<ByOpening>&>(subscriber).unlink();
  for (Subscription& subscription : subscriber) {
    subscription.topic->attach(subscription, subscriber.reading(), framing);
  }
  ++counters_.subscribers_opened;
  keepalives_.touch(subscriber, now_ms);
  write(subscriber, now_ms);
}

void Hub::on_writable(Subscriber& subscriber, std::uint64_t now_ms) {
  now_ms_ = now_ms;
  if (subscriber.state_ == Subscriber::State::open) {
    write(subscriber, now_ms);
  }
}

void Hub::finish(Subscriber& subscriber, CloseReason reason, std::string_view farewell, std::uint64_t now_ms) {
  now_ms_ = now_ms;
  if (subscriber.ending_ || subscriber.state_ == Subscriber::State::closed) {
    return;
  }
  if (subscriber.state_ == Subscriber::State::waiting) {
    admit(subscriber);
  }
  subscriber.ending_ = true;
  subscriber.end_reason_ = reason;
  if (subscriber.state_ != Subscriber::State::open) {
    return;  // it ends as soon as it is open
  }
  if (subscriber.at_frame_boundary()) {
    leave_logs(subscriber);
  }
  push_own(subscriber, farewell, now_ms);
  if (!subscriber.blocked_) {
    write(subscriber, now_ms);
  }
}

void Hub::push_own(Subscriber& subscriber, std::string_view events, std::uint64_t now_ms) {
  if (events.empty()) {
    return;
  }
  if (subscriber.framing_ == Framing::chunked) {
    std::string chunk;
    append_chunk(chunk, events);
    subscriber.push_own(chunk, now_ms, memory_);
  } else {
    subscriber.push_own(events, now_ms, memory_);
  }
}

void Hub::block(Subscriber& subscriber) {
  subscriber.blocked_ = true;
  blocked_.push_back(subscriber);
  for (Subscription& subscription : subscriber) {
    if (subscription.attached && !subscription.skipped) {
      subscription.log->lag(subscription);
    }
  }
}

void Hub::unblock(Subscriber& subscriber) {
  subscriber.blocked_ = false;
  static_cast<ListNode<ByBlocked>&>(subscriber).unlink();
  for (Subscription& subscription : subscriber) {
    if (subscription.attached && !subscription.skipped) {
      subscription.log->settle(subscription);
    }
  }
}

void Hub::write(Subscriber& subscriber, std::uint64_t now_ms) {
  if (!subscriber.blocked_) {
    drop_overrun(subscriber, now_ms);
  }
  while (!subscriber.is_caught_up()) {  // at most what the logs hold, and mostly once: a socket's buffer is smaller
    Batch batch(subscriber.sink_.batch_limit());
    subscriber.gather(batch);
    if (batch.empty()) {
      break;
    }
    const SendResult result = subscriber.sink_.send(batch);
    ++counters_.sends;
    counters_.bytes_sent += result.accepted;
    subscriber.advance(batch, result.accepted);
    if (subscriber.ending_ && subscriber.at_frame_boundary()) {
      leave_logs(subscriber);
    }
    if (result.accepted != 0) {
      keepalives_.touch(subscriber, now_ms);
    }
    if (result.state == SendResult::State::failed) {
      cut(subscriber, CloseReason::client);
      return;
    }
    if (result.state == SendResult::State::blocked) {
      block(subscriber);
      return;
    }
  }
  if (subscriber.blocked_) {
    unblock(subscriber);
  }
  if (subscriber.ending_) {
    const CloseReason reason = subscriber.end_reason_;
    forget(subscriber);
    subscriber.sink_.end(reason);
  }
}

void Hub::drop_overrun(Subscriber& subscriber, std::uint64_t now_ms) {
  for (Subscription& subscription : subscriber) {
    if (!subscription.attached || subscription.offset >= subscription.log->tail()) {
      continue;
    }
    // Not blocked, it stands at a frame boundary: this worker is behind, not the reader.
    if (subscriber.options().slow == SlowPolicy::close) {
      ++counters_.slow_closed;
      subscriber.ending_ = true;
      subscriber.end_reason_ = CloseReason::slow;
      leave_logs(subscriber);
      return;
    }
    subscriber.remember_id();
    subscription.log->skip_to_head(subscription);
    subscription.log->settle(subscription);
    push_skip_reset(subscription, now_ms);
  }
}

void Hub::fell_out(Subscription& subscription, const LogSegment& segment) {
  Subscriber& subscriber = *subscription.subscriber;
  if (subscriber.ending_ && subscriber.mid_frame_ != &subscription) {
    subscriber.skip(subscription, segment);  // it gets nothing more from this log anyway
  } else if (subscriber.options().slow == SlowPolicy::close) {
    ++counters_.slow_closed;
    cut(subscriber, CloseReason::slow);
  } else {
    subscriber.skip(subscription, segment);
    if (!subscriber.ending_) {
      push_skip_reset(subscription, now_ms_);
    }
  }
}

void Hub::push_skip_reset(Subscription& subscription, std::uint64_t now_ms) {
  ++counters_.slow_skipped;
  ++counters_.resets;
  const ChannelLog& log = *subscription.log;
  push_own(*subscription.subscriber, reset_block(log.encoding().reset_event, "slow", log.channel()), now_ms);
}

bool Hub::flush(Deadline& deadline, std::uint64_t now_ms) {
  now_ms_ = now_ms;
  bool more = true;
  while (more) {
    more = false;
    for (int i = 0; i < kOpeningsPerTurn && !opening_.empty(); ++i) {
      opening_.pop_front()->sink_.confirmed();
      more = true;
    }
    for (int i = 0; i < kKeepalivesPerTurn; ++i) {
      Subscriber* silent = keepalives_.pop_due(now_ms);
      if (silent == nullptr) {
        break;
      }
      keep_alive(*silent, now_ms);
      more = true;
    }
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

bool Hub::has_work(std::uint64_t now_ms) const { return !opening_.empty() || !dirty_.empty() || keepalives_.next_due_ms() <= now_ms; }

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
      write(*next->subscriber, now_ms);
    }
  }
  return log.in_round() || log.end_round();
}

void Hub::keep_alive(Subscriber& subscriber, std::uint64_t now_ms) {
  keepalives_.touch(subscriber, now_ms);
  if (!subscriber.blocked_ && !subscriber.ending_) {
    std::string comment;
    append_comment(comment, kKeepalive);
    push_own(subscriber, comment, now_ms);
    write(subscriber, now_ms);
  }
}

void Hub::check_timeouts(std::uint64_t now_ms) {
  now_ms_ = now_ms;
  for (Subscriber* subscriber = blocked_.front(); subscriber != nullptr;) {
    Subscriber& candidate = *subscriber;
    subscriber = blocked_.after(candidate);
    const std::uint64_t timeout_ms = candidate.options().send_timeout_ms;
    if (timeout_ms == 0) {
      continue;
    }
    std::uint64_t oldest_ms = candidate.oldest_due_ms().value_or(now_ms);
    oldest_ms = std::min(oldest_ms, candidate.sink_.oldest_in_flight_ms().value_or(now_ms));
    if (now_ms - oldest_ms >= timeout_ms) {
      ++counters_.timed_out;
      cut(candidate, CloseReason::slow);
    }
  }
}

void Hub::cut(Subscriber& subscriber, CloseReason reason) {
  forget(subscriber);
  subscriber.sink_.abort(reason);
}

void Hub::leave_logs(Subscriber& subscriber) {
  if (subscriber.has_left_logs_) {
    return;
  }
  subscriber.final_id_ = subscriber.last_id();
  subscriber.has_left_logs_ = true;
  for (Subscription& subscription : subscriber) {
    if (subscription.attached) {
      subscription.log->detach(subscription);
    }
  }
}

void Hub::forget(Subscriber& subscriber) {
  leave_logs(subscriber);
  subscriber.state_ = Subscriber::State::closed;
  static_cast<ListNode<ByKeepalive>&>(subscriber).unlink();
  static_cast<ListNode<ByOpening>&>(subscriber).unlink();
  static_cast<ListNode<ByBlocked>&>(subscriber).unlink();
  subscriber.pinned_ = PrivateBytes();
  subscriber.own_ = PrivateBytes();
}

}  // namespace sse
