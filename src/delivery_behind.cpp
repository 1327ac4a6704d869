// Who is behind: what becomes of a reader that falls out of a buffer, waits too long, or holds too much.
#include "delivery.hpp"
#include "frame.hpp"
#include "topic.hpp"

namespace sse {

void Delivery::fell_out(Subscription& subscription, const LogSegment& segment, std::uint64_t now_ms) {
  Subscriber& subscriber = *subscription.subscriber;
  if (subscription.durable != nullptr) {
    park(subscription, now_ms);
  } else if (subscriber.ending_ && subscriber.mid_frame_ != &subscription) {
    subscriber.skip(subscription, segment, memory_);  // it gets nothing more from this log anyway
  } else if (subscriber.options().slow == SlowPolicy::close) {
    cut_slow(subscriber, "sse_buffer_size");
  } else {
    subscriber.skip(subscription, segment, memory_);
    if (!subscriber.ending_) {
      push_skip_reset(subscription, now_ms);
    }
  }
}

void Delivery::park(Subscription& subscription, std::uint64_t now_ms) {
  Subscriber& subscriber = *subscription.subscriber;
  const std::uint64_t due_since_ms = subscriber.oldest_due_ms().value_or(now_ms);
  subscriber.leave_log(subscription, memory_);
  if (!subscriber.ending_) {
    subscription.durable->due_since_ms = subscriber.blocked_ ? due_since_ms : 0;
    subscription.topic->park(subscription, now_ms);
  }
}

void Delivery::drop_overrun(Subscriber& subscriber, std::uint64_t now_ms) {
  for (Subscription& subscription : subscriber) {
    if (!is_overrun(subscription)) {
      continue;
    }
    // Not blocked, it stands at a frame boundary: this worker is behind, not the reader.
    if (subscription.durable != nullptr) {
      park(subscription, now_ms);
      continue;
    }
    if (subscriber.options().slow == SlowPolicy::close) {
      subscriber.slow_limit_ = "sse_buffer_size";
      ++counters_.slow_closed;
      subscriber.ending_ = true;
      subscriber.end_reason_ = CloseReason::slow;
      leave_logs(subscriber);
      return;
    }
    subscription.log->skip_to_head(subscription);
    subscription.log->settle(subscription);
    push_skip_reset(subscription, now_ms);
  }
}

void Delivery::push_skip_reset(Subscription& subscription, std::uint64_t now_ms) {
  ++counters_.slow_skipped;
  ++counters_.resets;
  const ChannelLog& log = *subscription.log;
  push_own(*subscription.subscriber, reset_block(log.encoding().reset_event, "slow", log.channel()), now_ms);
}

void Delivery::cut_slow(Subscriber& subscriber, const char* limit) {
  subscriber.slow_limit_ = limit;
  ++counters_.slow_closed;
  cut(subscriber, CloseReason::slow);
}

void Delivery::close_timed_out(Subscriber& subscriber) {
  subscriber.slow_limit_ = "sse_send_timeout";
  ++counters_.timed_out;
  cut(subscriber, CloseReason::slow);
}

void Delivery::close_over_total(Subscriber& subscriber) { cut_slow(subscriber, "sse_buffer_total"); }

}  // namespace sse
