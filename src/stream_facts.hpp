// What Redis says of a stream as a whole: XINFO STREAM, Redis 7.0 and later.
#pragma once

#include <cstdint>
#include <optional>

#include "redis_reply.hpp"
#include "stream_id.hpp"

namespace sse {

struct StreamFacts {
  bool exists = false;  // all else means something only if it does
  std::uint64_t length = 0;
  StreamId last_generated;          // the newest id ever given; XSETID moves it without an entry
  StreamId max_deleted;             // the largest id that XDEL removed; 0-0: none. Trimming does not move it
  std::uint64_t entries_added = 0;  // in the life of the key; survives RDB, RESTORE and a rewritten append-only file
  std::optional<StreamId> first;    // retained; both are set exactly when length != 0
  std::optional<StreamId> last;
};

// Takes the answer to XINFO STREAM. "No such key" is a stream that does not exist; nothing for any other error, and for what is not
// such an answer or contradicts itself: that is no evidence about a stream.
std::optional<StreamFacts> parse_stream_facts(redis::ReplyView reply);

}  // namespace sse
