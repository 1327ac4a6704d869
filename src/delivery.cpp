#include "delivery.hpp"

#include <algorithm>
#include <cassert>
#include <string>

#include "frame.hpp"
#include "topic.hpp"

namespace sse {

namespace {

constexpr std::string_view kKeepalive = "keepalive";

// Who catches up gets old and new bytes apart: of a batch that a transport took whole, it cannot tell which bytes have not left.
constexpr std::uint64_t kCatchUpSpanMs = 100;

}  // namespace

void Delivery::begin(Subscriber& subscriber, std::uint64_t now_ms) {
  ++counters_.subscribers_opened;
  keepalives_.touch(subscriber, now_ms);
  if (subscriber.sink_->oldest_in_flight_ms()) {
    block(subscriber);  // what goes before the first frame has not left
  } else {
    write(subscriber, now_ms);
  }
}

void Delivery::write(Subscriber& subscriber, std::uint64_t now_ms) {
  if (!subscriber.blocked_) {
    drop_overrun(subscriber, now_ms);
  }
  while (!subscriber.is_caught_up()) {  // at most what the logs hold, and mostly once: a socket's buffer is smaller
    Batch batch(subscriber.sink_->batch_limit(), subscriber.blocked_ ? kCatchUpSpanMs : UINT64_MAX);
    subscriber.gather(batch, memory_);
    if (batch.empty()) {
      break;
    }
    const SendResult result = subscriber.sink_->send(batch);
    if (!was_sent(subscriber, batch, result, now_ms)) {
      return;
    }
  }
  if (subscriber.blocked_) {
    unblock(subscriber, now_ms);
  }
  if (subscriber.ending_) {
    const CloseReason reason = subscriber.end_reason_;
    forget(subscriber);
    subscriber.sink_->end(reason);
  }
}

bool Delivery::was_sent(Subscriber& subscriber, const Batch& batch, SendResult result, std::uint64_t now_ms) {
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
    return false;
  }
  if (result.state == SendResult::State::blocked) {
    block(subscriber);
    return false;
  }
  return true;
}

void Delivery::write_with_others(Subscriber& subscriber, std::uint64_t now_ms) {
  assert(!subscriber.blocked_);
  if (group_sender_ != nullptr && !subscriber.has_own_ids()) {  // whose batches have at least two pieces
    if (GroupPlace* place = subscriber.sink_->group_place()) {
      drop_overrun(subscriber, now_ms);
      Batch batch(subscriber.sink_->batch_limit());
      subscriber.gather(batch, memory_);
      if (batch.end() - batch.begin() == 1) {
        group_.add(subscriber, *place, *batch.begin());
        if (group_.is_full()) {
          write_group(now_ms);
        }
        return;
      }
    }
  }
  write(subscriber, now_ms);
}

void Delivery::write_group(std::uint64_t now_ms) {
  if (group_.empty()) {
    return;
  }
  group_sender_->send(group_);
  for (const GroupedSend& sent : group_) {
    Batch batch(sent.piece.size);
    batch.add(sent.piece);
    if (was_sent(*sent.subscriber, batch, sent.result, now_ms)) {
      write(*sent.subscriber, now_ms);  // what the piece did not hold, or its end
    }
  }
  group_.clear();
}

void Delivery::end(Subscriber& subscriber, CloseReason reason, std::string_view farewell, std::uint64_t now_ms) {
  if (!subscriber.blocked_ && std::none_of(subscriber.begin(), subscriber.end(), is_overrun)) {
    write(subscriber, now_ms);  // what was published before is due, also if its turn has not come yet
    if (subscriber.state_ == Subscriber::State::closed) {
      return;
    }
  }
  subscriber.ending_ = true;
  subscriber.end_reason_ = reason;
  if (subscriber.at_frame_boundary()) {
    leave_logs(subscriber);
  }
  push_own(subscriber, farewell, now_ms);
  if (!subscriber.blocked_) {
    write(subscriber, now_ms);
  }
}

bool Delivery::keep_one_alive(std::uint64_t now_ms) {
  Subscriber* silent = keepalives_.pop_due(now_ms);
  if (silent == nullptr) {
    return false;
  }
  keepalives_.touch(*silent, now_ms);
  if (!silent->blocked_ && !silent->ending_) {
    std::string comment;
    append_comment(comment, kKeepalive);
    push_own(*silent, comment, now_ms);
    write_with_others(*silent, now_ms);
  }
  return true;
}

void Delivery::push_own(Subscriber& subscriber, std::string_view events, std::uint64_t now_ms) {
  if (events.empty()) {
    return;
  }
  std::string frame;
  append_framed(frame, subscriber.framing_, events);
  subscriber.push_own(frame, now_ms, memory_);
}

void Delivery::block(Subscriber& subscriber) {
  subscriber.blocked_ = true;
  slow_readers_.add(subscriber);
  for (Subscription& subscription : subscriber) {
    if (subscription.attached && !subscription.skipped) {
      subscription.log->lag(subscription);
    }
  }
}

void Delivery::unblock(Subscriber& subscriber, std::uint64_t now_ms) {
  subscriber.blocked_ = false;
  slow_readers_.remove(subscriber);
  for (Subscription& subscription : subscriber) {
    if (subscription.attached && !subscription.skipped) {
      subscription.log->settle(subscription);
    }
    if (subscription.durable != nullptr && !subscriber.ending_) {
      subscription.durable->due_since_ms = 0;
      subscription.topic->resume(subscription, now_ms);
    }
  }
}

void Delivery::cut(Subscriber& subscriber, CloseReason reason) {
  forget(subscriber);
  subscriber.sink_->abort(reason);
}

void Delivery::leave_logs(Subscriber& subscriber) {
  if (subscriber.has_left_logs_) {
    return;
  }
  subscriber.remember_id();
  subscriber.has_left_logs_ = true;
  for (Subscription& subscription : subscriber) {
    if (subscription.attached) {
      subscription.log->detach(subscription);
    }
  }
}

void Delivery::forget(Subscriber& subscriber) {
  leave_logs(subscriber);
  subscriber.state_ = Subscriber::State::closed;
  static_cast<ListNode<ByKeepalive>&>(subscriber).unlink();
  static_cast<ListNode<ByOpening>&>(subscriber).unlink();
  slow_readers_.remove(subscriber);
  subscriber.pinned_ = PrivateBytes();
  subscriber.own_ = PrivateBytes();
}

}  // namespace sse
