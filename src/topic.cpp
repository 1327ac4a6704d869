#include "topic.hpp"

#include <algorithm>

namespace sse {

void Topic::add(Subscription& subscription) {
  ++readers_;
  subscription.topic = this;
  waiting_.push_back(subscription);
}

void Topic::remove(Subscription& subscription) {
  subscription.unlink();
  subscription.topic = nullptr;
  --readers_;
}

void Topic::admit_waiting() {
  for (Subscription* waiting = waiting_.front(); waiting != nullptr;) {
    Subscriber& subscriber = *waiting->subscriber;
    waiting = waiting_.after(*waiting);
    admit_if_ready(hub_, subscriber);
  }
}

void admit_if_ready(Hub& hub, Subscriber& subscriber) {
  if (std::all_of(subscriber.begin(), subscriber.end(), [](const Subscription& s) { return s.topic->is_ready_for(s); })) {
    hub.admit(subscriber);
  }
}

}  // namespace sse
