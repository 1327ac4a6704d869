#include "subscriber.hpp"

#include <algorithm>
#include <cassert>
#include <string>
#include <vector>

#include "channel_log.hpp"

namespace sse {

const char* to_string(CloseReason reason) {
  switch (reason) {
    case CloseReason::client:
      return "client";
    case CloseReason::slow:
      return "slow";
    case CloseReason::drain:
      return "drain";
    case CloseReason::lifetime:
      return "lifetime";
    case CloseReason::limit:
      return "limit";
    case CloseReason::error:
      break;
  }
  return "error";
}

void PrivateBytes::advance(std::size_t bytes) {
  assert(bytes <= size);
  position += bytes;
  size -= bytes;
  if (size == 0) {
    segment = SegmentRef();
    position = nullptr;
  }
}

Subscriber::Subscriber(Sink& sink, const SubscriberOptions& options, const ReadOptions& reading, std::size_t subscriptions)
    : sink_(&sink),
      options_(options),
      reading_(reading),
      size_(static_cast<std::uint32_t>(subscriptions)),
      own_begun_(false),
      blocked_(false),
      has_left_logs_(false),
      ending_(false) {
  if (subscriptions > 1) {
    many_ = std::make_unique<Subscription[]>(subscriptions);
  }
  for (Subscription& subscription : *this) {
    subscription.subscriber = this;
  }
}

Subscriber::~Subscriber() = default;

std::string Subscriber::last_id() const {
  if (!is_durable()) {
    return last_id_mark().id;
  }
  std::string cursor;
  append_cursor(cursor);
  return cursor;
}

IdMark Subscriber::last_id_mark() const {
  IdMark last = earlier_id_ == nullptr ? IdMark() : *earlier_id_;
  for (const Subscription& subscription : *this) {
    if (subscription.attached && !subscription.skipped) {
      IdMark mark = subscription.log->last_id(subscription);
      if (mark.sequence > last.sequence) {
        last = std::move(mark);
      }
    }
  }
  return last;
}

void Subscriber::remember_id() {
  IdMark mark = last_id_mark();
  if (mark.sequence != 0) {
    earlier_id_ = std::make_unique<IdMark>(std::move(mark));
  }
}

void Subscriber::push_own(std::string_view bytes, std::uint64_t now_ms, MemoryMeter& meter) {
  SegmentRef segment = Segment::allocate(own_.size + bytes.size(), meter);
  if (own_.size != 0) {
    segment->append({own_.position, own_.size});
  } else {
    own_.due_ms = now_ms;
  }
  segment->append(bytes);
  own_.position = segment->data();
  own_.size = segment->size();
  own_.segment = std::move(segment);
}

bool Subscriber::is_caught_up() const {
  return at_frame_boundary() && own_.size == 0 &&
         (ending_ || std::none_of(begin(), end(), [](const Subscription& s) { return is_due(s) || s.skipped; }));
}

std::optional<std::uint64_t> Subscriber::oldest_due_ms() const {
  std::optional<std::uint64_t> oldest;
  const auto consider = [&oldest](std::uint64_t due_ms) {
    if (!oldest || due_ms < *oldest) {
      oldest = due_ms;
    }
  };
  if (pinned_.size != 0) {
    consider(pinned_.due_ms);
  }
  if (own_.size != 0) {
    consider(own_.due_ms);
  }
  for (const Subscription& subscription : *this) {
    if (subscription.durable != nullptr && subscription.durable->due_since_ms != 0) {
      consider(subscription.durable->due_since_ms);
    }
    if (is_due(subscription) && subscription.offset >= subscription.log->tail()) {
      const LogSegment& segment = subscription.log->segment_at(subscription.offset);
      consider(segment.frames[static_cast<std::size_t>(subscription.frame - segment.first_frame)].due_ms);
    }
  }
  return oldest;
}

void Subscriber::pin_rest(Subscription& subscription, const LogSegment& segment, MemoryMeter& meter) {
  const std::size_t index = static_cast<std::size_t>(subscription.frame - segment.first_frame);
  const auto in_segment = static_cast<std::size_t>(subscription.offset - segment.base);
  const std::string_view rest(segment.bytes->data() + in_segment, segment.frames[index].end - in_segment);
  if (pinned_.size == 0) {
    pinned_ = {segment.bytes, rest.data(), rest.size(), segment.frames[index].due_ms};
  } else {  // of its id line
    SegmentRef both = Segment::allocate(pinned_.size + rest.size(), meter);
    both->append({pinned_.position, pinned_.size});
    both->append(rest);
    pinned_.position = both->data();
    pinned_.size = both->size();
    pinned_.segment = std::move(both);
  }
  mid_frame_ = nullptr;
}

void Subscriber::skip(Subscription& subscription, const LogSegment& segment, MemoryMeter& meter) {
  assert(!subscription.skipped);
  remember_id();
  if (mid_frame_ == &subscription) {
    pin_rest(subscription, segment, meter);
  }
  subscription.unlink();
  subscription.skipped = true;
}

}  // namespace sse
