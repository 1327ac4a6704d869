#include "keepalive_queues.hpp"

#include <algorithm>

namespace sse {

void KeepaliveQueues::touch(Subscriber& subscriber, std::uint64_t now_ms) {
  subscriber.last_write_ms_ = now_ms;
  const std::uint64_t interval_ms = subscriber.options().keepalive_ms;
  if (interval_ms != 0) {
    queues_[interval_ms].push_back(subscriber);
  }
}

Subscriber* KeepaliveQueues::pop_due(std::uint64_t now_ms) {
  for (auto& [interval_ms, queue] : queues_) {
    Subscriber* first = queue.front();
    if (first != nullptr && first->last_write_ms_ + interval_ms <= now_ms) {
      return queue.pop_front();
    }
  }
  return nullptr;
}

std::uint64_t KeepaliveQueues::next_due_ms() const {
  std::uint64_t next = UINT64_MAX;
  for (const auto& [interval_ms, queue] : queues_) {
    if (const Subscriber* first = queue.front()) {
      next = std::min(next, first->last_write_ms_ + interval_ms);
    }
  }
  return next;
}

}  // namespace sse
