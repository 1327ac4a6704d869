// One subscriber's place in one channel's log.
#pragma once

#include <cstdint>
#include <memory>

#include "durable_reading.hpp"
#include "list.hpp"

namespace sse {

class ChannelLog;
class Subscriber;
class Topic;

// In exactly one list at a time: its topic's waiting list until the stream opens; then its log's pending, settled or lagging list; in none
// while `skipped`. In a list of its topic while it reads a durable channel and has no place in a log.
struct Subscription : ListNode<Subscription> {
  Subscriber* subscriber = nullptr;
  Topic* topic = nullptr;
  ChannelLog* log = nullptr;

  std::uint64_t offset = 0;  // of the log's first byte that this subscriber was not yet given
  std::uint64_t frame = 0;   // ordinal of the frame that holds `offset`: all before it were given whole
  std::uint64_t joined = 0;  // the log's frame count when it got, or last skipped to, this place

  std::unique_ptr<DurableReading> durable;  // null: the channel is not durable

  bool attached = false;  // has a cursor in the log; false until the stream opens
  bool skipped = false;   // fell out of the log while blocked; rejoins at its head once the socket has room
};

}  // namespace sse
