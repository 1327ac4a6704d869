// Where one subscriber stands in one durable channel, beside its cursor in a log.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "durable_options.hpp"
#include "stream_id.hpp"

namespace sse {

struct DurableReading {
  // placeless → parked or live, as soon as the channel is known; parked → replaying → live; back to parked whenever it falls behind what
  // the logs hold.
  enum class Phase : std::uint8_t {
    placeless,  // waits for the channel's position, or for its own start to be found
    parked,     // waits for a replay to come by its position
    replaying,  // has a cursor in the replay log
    live,       // has a cursor in the live log
  };

  explicit DurableReading(const DurableOptions& its_options) : options(its_options) {}

  const DurableOptions& options;
  Phase phase = Phase::placeless;
  bool has_cursor = false;    // the client sent one
  bool is_malformed = false;  // it did, and it is none; the client is to be told
  bool is_late = false;       // the stream opened before the channel's position was known; the client is to be told

  std::uint64_t question = 0;  // of the channel's reader, whose answer it waits for

  // The entry that was given last, or where the stream was joined: everything up to it is behind.
  std::optional<StreamId> position;
  bool is_ours = false;  // the position is of the history that this worker has read: not only what a client says

  std::size_t replayed = 0;        // entries since it was live last, without those of the replay log it is in
  std::uint64_t due_since_ms = 0;  // parked because it was slow: since when it owes us room; 0: not

  // This worker knows that the subscriber stands there.
  void stand_at(StreamId its_position) {
    position = its_position;
    is_ours = true;
  }
};

}  // namespace sse
