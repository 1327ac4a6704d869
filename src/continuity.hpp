// Does a cursor continue in the stream that Redis has now, or is something gone?
#pragma once

#include <cstdint>
#include <optional>

#include "stream_facts.hpp"
#include "stream_id.hpp"

namespace sse {

enum class Continuity : std::uint8_t {
  continuous,
  deleted,  // the key is gone
  ahead,    // this history never held the cursor: a lost tail, a failover, another channel's cursor
  trimmed,  // entries after the cursor may have been trimmed
};

// Says of a server that it has less than it had, or than another one: a replica may have yet to get it.
inline bool is_missing(Continuity continuity) { return continuity == Continuity::deleted || continuity == Continuity::ahead; }

// Judges a cursor whose entry is not retained: `facts` were taken in one transaction with an XRANGE from the cursor that did not begin
// with it. (A retained cursor needs no judgement: trimming removes the oldest, so nothing after it was trimmed.) What XDEL withdrew is
// not lost. Where the facts fit a history with a loss and one without, this says reset, but for three that cost too much to suspect:
// a cursor below max-deleted-entry-id may have been withdrawn, one right before the first entry may be what a reset gave, and one at
// last-generated-id may be of another history that ended there, too.
Continuity judge_cursor(StreamId cursor, const StreamFacts& facts);

// The same for a cursor from which on all was given in other ways, in time before it could be trimmed: that it was trimmed itself since is
// no loss, only another history is. `was_entry`: of the cursor it is known that an entry had that id.
Continuity judge_history(StreamId cursor, bool was_entry, const StreamFacts& facts);

// The position from which a stream goes on after a reset: all entries that are retained are after it, or those after `fork`, which is
// where the cursor's history left this one if the caller knows (not for trimmed; that entry may have been trimmed since). The position
// itself is continuous with `facts`.
StreamId reset_position(Continuity reason, const StreamFacts& facts, std::optional<StreamId> fork = std::nullopt);

}  // namespace sse
