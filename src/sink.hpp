// Where a subscriber's bytes go: implemented by the glue over one HTTP response.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "batch.hpp"

namespace sse {

enum class CloseReason : std::uint8_t { client, slow, drain, lifetime, limit, error };

// The lower-case word that $sse_close_reason shows.
const char* to_string(CloseReason reason);

struct SendResult {
  enum class State : std::uint8_t {
    ready,    // all taken, and there is room for more
    blocked,  // no room: Hub::on_writable when there is
    failed,   // the connection is broken
  };

  std::size_t accepted = 0;
  State state = State::ready;
};

class GroupPlace;

// None of these calls may destroy a Subscriber: an ending is noted and carried out after the hub has returned.
class Sink {
 public:
  // Every channel is confirmed: the response header may go out. Answered later by Hub::open, or by the subscriber's destruction.
  virtual void confirmed() = 0;

  // Takes the bytes in order, without blocking.
  virtual SendResult send(const Batch& batch) = 0;

  // Where one piece may go now together with those of other sinks (GroupSender); null: by `send` alone.
  virtual GroupPlace* group_place() { return nullptr; }

  // Most bytes that are worth offering at once.
  virtual std::size_t batch_limit() const = 0;

  // Since when the oldest byte that was taken by `send` waits to leave this process; nothing when all have left.
  virtual std::optional<std::uint64_t> oldest_in_flight_ms() const = 0;

  // At most so many bytes of segments are held by what was taken and has not left. After `abort` they are let go of soon, not at once.
  virtual std::size_t in_flight_bytes() const = 0;

  // End the response: all that was offered stands at a frame boundary. Called at most once, and not after `abort`.
  virtual void end(CloseReason reason) = 0;

  // Cut the connection at once, whatever is still unsent. Called at most once, and not after `end`.
  virtual void abort(CloseReason reason) = 0;

 protected:
  ~Sink() = default;
};

}  // namespace sse
