#include "continuity.hpp"

#include <algorithm>

namespace sse {

namespace {

// Should XSETID have set entries-added too low, this wraps, and is a large number: a reset too many.
std::uint64_t removed_entries(const StreamFacts& facts) { return facts.entries_added - facts.length; }

// XDEL has removed max-deleted-entry-id, so one removed entry was that one.
bool was_never_trimmed(const StreamFacts& facts) {
  return removed_entries(facts) == 0 || (removed_entries(facts) == 1 && facts.max_deleted != kFirstStreamId);
}

}  // namespace

// What Redis 7.0.15 does, tried; t_stream.c says the same: a key begins with last-generated-id 0-0. XADD moves it and counts
// entries-added, also with MAXLEN 0, which leaves the key there and empty. XTRIM removes the oldest and moves nothing else. XDEL raises
// max-deleted-entry-id. XSETID can move last-generated-id forward without an entry, and back to the last retained one, even below
// max-deleted-entry-id. RDB, RESTORE and a rewritten append-only file keep all of it; an RDB from before 7.0 begins to count at loading.
Continuity judge_cursor(StreamId cursor, const StreamFacts& facts) {
  if (!facts.exists) {
    return cursor == kFirstStreamId ? Continuity::continuous : Continuity::deleted;
  }
  // Also 0-0 in an empty stream: XGROUP CREATE … MKSTREAM makes one. (After XTRIM MAXLEN 0 and XSETID 0-0, entries-added would tell of a
  // loss, but then 0-0 is the position that every client is given: a reset would be followed by a reset for ever.)
  if (cursor == facts.last_generated) {
    return Continuity::continuous;
  }
  if (cursor > facts.last_generated) {
    return Continuity::ahead;
  }
  // No id lies between, so nothing is missing. This is the position that reset_position gives.
  if (facts.first && cursor.next() == *facts.first) {
    return Continuity::continuous;
  }

  // Before all entries there ever were.
  if (cursor == kFirstStreamId) {
    return was_never_trimmed(facts) ? Continuity::continuous : Continuity::trimmed;
  }
  if (!facts.first || cursor < *facts.first) {
    return cursor == facts.max_deleted && was_never_trimmed(facts) ? Continuity::continuous : Continuity::trimmed;
  }
  // Retained entries are on both sides, so nothing after the cursor was trimmed, and if this history held the cursor, then XDEL removed
  // it. Unless it is the largest that XDEL removed, that takes two removals: max-deleted-entry-id and the cursor.
  if (cursor == facts.max_deleted || (cursor < facts.max_deleted && removed_entries(facts) >= 2)) {
    return Continuity::continuous;
  }
  return Continuity::ahead;
}

Continuity judge_history(StreamId cursor, bool was_entry, const StreamFacts& facts) {
  const Continuity continuity = judge_cursor(cursor, facts);
  if (continuity != Continuity::trimmed) {
    return continuity;
  }
  return was_entry && was_never_trimmed(facts) ? Continuity::ahead : Continuity::continuous;
}

StreamId reset_position(Continuity reason, const StreamFacts& facts, std::optional<StreamId> fork) {
  if (!facts.exists) {
    return kFirstStreamId;
  }
  const StreamId oldest = facts.first ? facts.first->previous() : facts.last_generated;
  return fork && reason != Continuity::trimmed ? std::max(*fork, oldest) : oldest;
}

}  // namespace sse
