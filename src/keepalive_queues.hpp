// Subscribers by the time of their last write, one queue for each keepalive interval: every operation is O(1), no timer per subscriber.
#pragma once

#include <cstdint>
#include <map>

#include "subscriber.hpp"

namespace sse {

class KeepaliveQueues {
 public:
  // The subscriber was written to at `now_ms`, which never goes back. Nothing when its keepalive is off.
  void touch(Subscriber& subscriber, std::uint64_t now_ms);

  // Removes and returns a subscriber that has been silent for its interval; null when there is none.
  Subscriber* pop_due(std::uint64_t now_ms);

  // When the next one is due; UINT64_MAX: never.
  std::uint64_t next_due_ms() const;

 private:
  // Few in practice: as many as there are values of sse_keepalive.
  std::map<std::uint64_t, List<Subscriber, ByKeepalive>> queues_;
};

}  // namespace sse
