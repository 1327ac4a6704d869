#include "slow_readers.hpp"

#include <algorithm>

#include "channel_log.hpp"

namespace sse {

namespace {

// A reset and a farewell: who has no more than these of its own is not worth closing.
constexpr std::size_t kFewOwnBytes = 1024;

}  // namespace

std::uint64_t SlowReaders::waiting_since_ms(const Subscriber& subscriber, std::uint64_t now_ms) {
  return std::min(subscriber.oldest_due_ms().value_or(now_ms), subscriber.sink_->oldest_in_flight_ms().value_or(now_ms));
}

void SlowReaders::check_timeouts(std::uint64_t now_ms) {
  for (Subscriber* subscriber = readers_.front(); subscriber != nullptr;) {
    Subscriber& candidate = *subscriber;
    subscriber = readers_.after(candidate);
    const std::uint64_t timeout_ms = candidate.options().send_timeout_ms;
    if (timeout_ms != 0 && now_ms - waiting_since_ms(candidate, now_ms) >= timeout_ms) {
      closer_.close_timed_out(candidate);
    }
  }
}

bool SlowReaders::holds_memory(const Subscriber& subscriber) {
  return subscriber.pinned_.size != 0 || subscriber.own_.size > kFewOwnBytes || subscriber.sink_->in_flight_bytes() != 0 ||
         std::any_of(subscriber.begin(), subscriber.end(), is_due);
}

std::vector<SlowReaders::Aged> SlowReaders::slowest_first(std::uint64_t now_ms) const {
  std::vector<Aged> by_age;
  for (Subscriber* subscriber = readers_.front(); subscriber != nullptr; subscriber = readers_.after(*subscriber)) {
    by_age.emplace_back(waiting_since_ms(*subscriber, now_ms), subscriber);
  }
  std::stable_sort(by_age.begin(), by_age.end(), [](const Aged& a, const Aged& b) { return a.first < b.first; });
  return by_age;
}

std::size_t SlowReaders::relieve_memory(std::uint64_t now_ms) {
  if (memory_limit_ == 0 || memory_.bytes <= memory_limit_) {
    return 0;
  }
  // Somewhat below the limit, so that not every message begins this search.
  const std::size_t target = memory_limit_ - memory_limit_ / 8;
  // Of who was closed, but lets go only when its connection is. Who was closed before and has not let go yet is the slowest of all.
  std::size_t leaving = leftovers_ == nullptr ? 0 : leftovers_->let_go(memory_.bytes - target);
  const auto excess = [&] { return memory_.bytes > target + leaving ? memory_.bytes - target - leaving : 0; };
  const auto close_if_it_holds = [&](Subscriber& subscriber) {
    if (subscriber.state() == Subscriber::State::open && holds_memory(subscriber)) {
      leaving += subscriber.sink_->in_flight_bytes();
      closer_.close_over_total(subscriber);
    }
  };

  const std::vector<Aged> slowest = slowest_first(now_ms);
  for (const auto& [since_ms, subscriber] : slowest) {
    if (excess() == 0) {
      return 0;
    }
    if (subscriber->options().slow == SlowPolicy::close && !subscriber->is_durable()) {
      close_if_it_holds(*subscriber);
      continue;
    }
    for (Subscription& subscription : *subscriber) {
      if (is_due(subscription)) {
        subscription.log->push_out(subscription, now_ms);
      }
    }
  }
  for (const auto& [since_ms, subscriber] : slowest) {
    if (excess() == 0) {
      return 0;
    }
    close_if_it_holds(*subscriber);
  }
  return excess();
}

}  // namespace sse
