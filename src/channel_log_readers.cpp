// Who reads a log: where each of them stands, who can write and who cannot, and the rounds in which those who can are visited.
#include <algorithm>
#include <cassert>
#include <vector>

#include "channel_log.hpp"

namespace sse {

void ChannelLog::attach(Subscription& subscription) {
  skip_to_head(subscription);
  if (!subscription.attached) {
    subscription.attached = true;
    ++attached_;
  }
  settled_.push_back(subscription);
}

void ChannelLog::attach(Subscription& subscription, const LogPlace& place) {
  assert(place.offset >= tail() && place.offset <= head_);
  attach(subscription);
  subscription.offset = place.offset;
  subscription.frame = place.frame;
  subscription.joined = place.frame;
}

void ChannelLog::detach(Subscription& subscription) {
  subscription.unlink();
  if (subscription.attached) {
    subscription.attached = false;
    --attached_;
    trim();
  }
}

void ChannelLog::settle(Subscription& subscription) {
  settled_.push_back(subscription);
  trim();
}

void ChannelLog::skip_to_head(Subscription& subscription) const {
  subscription.offset = head_;
  subscription.frame = frame_count_;
  subscription.joined = frame_count_;
}

void ChannelLog::lag(Subscription& subscription) {
  assert(subscription.offset >= tail() && subscription.offset <= head_);
  if (subscription.offset == head_) {
    at_head_.push_back(subscription);
  } else {
    segments_[index_at(subscription.offset)]->laggards.push_back(subscription);
  }
  trim();
}

void ChannelLog::begin_round() {
  assert(pending_.empty());
  round_head_ = head_;
  pending_.splice_back(settled_);
}

Subscription* ChannelLog::next_pending() {
  Subscription* next = pending_.front();
  if (next != nullptr) {
    settled_.push_back(*next);
  }
  return next;
}

bool ChannelLog::end_round(std::uint64_t now_ms) {
  assert(pending_.empty());
  passed_ = round_head_;
  enforce_bound(now_ms);
  return head_ > round_head_;
}

std::vector<Subscription*> ChannelLog::readers() const {
  std::vector<Subscription*> readers;
  readers.reserve(attached_);
  const auto add_all = [&readers](const List<Subscription>& list) {
    for (Subscription* one = list.front(); one != nullptr; one = list.after(*one)) {
      readers.push_back(one);
    }
  };
  for (const auto& segment : segments_) {
    add_all(segment->laggards);
  }
  for (const List<Subscription>* list : {&pending_, &settled_, &at_head_}) {
    add_all(*list);
  }
  return readers;
}

Subscription* ChannelLog::first_lagging() const {
  const auto lagged = std::find_if(segments_.begin(), segments_.end(), [](const auto& segment) { return !segment->laggards.empty(); });
  return lagged == segments_.end() ? at_head_.front() : (*lagged)->laggards.front();
}

}  // namespace sse
