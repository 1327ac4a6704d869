// The rule against every history of a small world. Its judgement can depend only on what Redis shows and on the cursor, so all histories
// that end in the same showing are put together, and what they have in common is what may be known:
//
//   required   a reset, if one of them trimmed an entry after the cursor that it had been at (it must never be silence, so neither for
//              the others), or if none of them is innocent
//   forbidden  a reset, if all of them are innocent
//   allowed    what is left: some are innocent, in others the cursor is of a history that is gone (the key was deleted, a tail was lost)
//
// A history is innocent for a cursor that it held, or that stands before all entries or right before the first one (a position that a
// reset gave), if no entry after the cursor was trimmed; what XDEL withdrew is not missed. An id is given once at most, as `XADD *` does:
// so a history that held the cursor's id is the cursor's own. How many histories are gone and what they held does not show, so only
// whether this one held the cursor matters. No XSETID.
#include <gtest/gtest.h>

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "continuity.hpp"

namespace sse {
namespace {

constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();

// Neighbours among them, also from one millisecond to the next. Some are room between the others: the histories and cursors that are
// judged do not use it, those that end in the same showing may. There is such room everywhere among 128-bit ids; a small world without it
// would prove too much.
constexpr std::array<StreamId, 11> kIds = {{{0, 1}, {0, 5}, {2, 0}, {2, 1}, {3, 5}, {3, kMax}, {4, 0}, {4, 5}, {6, 0}, {6, 5}, {9, 9}}};
constexpr bool is_room(StreamId id) { return id.seq == 5; }

enum class Fate : unsigned { never_added, retained, trimmed, withdrawn };

// A fate for each id, two bits each: a history as far as it matters.
using World = unsigned;
constexpr std::size_t kWorlds = std::size_t{1} << (2 * kIds.size());

Fate fate(World world, std::size_t i) { return static_cast<Fate>((world >> (2 * i)) & 3U); }
World with_fate(World world, std::size_t i, Fate fate) { return (world & ~(3U << (2 * i))) | (static_cast<unsigned>(fate) << (2 * i)); }

bool uses_room(World world) {
  for (std::size_t i = 0; i < kIds.size(); ++i) {
    if (fate(world, i) != Fate::never_added && is_room(kIds[i])) {
      return true;
    }
  }
  return false;
}

// All worlds that XADD, XTRIM and XDEL lead to.
std::vector<World> reachable_worlds() {
  std::vector<bool> seen(kWorlds);
  std::vector<World> worlds = {0};
  seen[0] = true;
  const auto reach = [&](World world) {
    if (!seen[world]) {
      seen[world] = true;
      worlds.push_back(world);
    }
  };
  for (std::size_t next = 0; next < worlds.size(); ++next) {
    const World world = worlds[next];
    bool is_oldest = true;
    std::size_t end = 0;
    for (std::size_t i = 0; i < kIds.size(); ++i) {
      if (fate(world, i) != Fate::never_added) {
        end = i + 1;
      }
      if (fate(world, i) == Fate::retained) {
        reach(with_fate(world, i, Fate::withdrawn));
        if (is_oldest) {
          reach(with_fate(world, i, Fate::trimmed));
        }
        is_oldest = false;
      }
    }
    for (std::size_t i = end; i < kIds.size(); ++i) {
      reach(with_fate(world, i, Fate::retained));
    }
  }
  return worlds;
}

// What Redis shows of a world: the retained entries as bits, the rest as indexes and a count. 0: none.
struct Showing {
  static constexpr std::size_t kBits = kIds.size() + 3 * 4;

  explicit Showing(World world) {
    for (std::size_t i = 0; i < kIds.size(); ++i) {
      const Fate its = fate(world, i);
      retained |= its == Fate::retained ? 1U << i : 0U;
      removed += its == Fate::trimmed || its == Fate::withdrawn ? 1 : 0;
      last_generated = its != Fate::never_added ? i + 1 : last_generated;
      max_deleted = its == Fate::withdrawn ? i + 1 : max_deleted;
    }
  }

  std::size_t key() const { return ((retained * 16 + removed) * 16 + last_generated) * 16 + max_deleted; }
  bool is_retained(std::size_t i) const { return ((retained >> i) & 1U) != 0; }

  StreamFacts facts() const {
    const auto id = [](std::size_t number) { return number == 0 ? kFirstStreamId : kIds[number - 1]; };
    StreamFacts facts;
    facts.exists = true;
    facts.length = std::bitset<kIds.size()>(retained).count();
    facts.last_generated = id(last_generated);
    facts.max_deleted = id(max_deleted);
    facts.entries_added = facts.length + removed;
    for (std::size_t i = 0; i < kIds.size(); ++i) {
      if (is_retained(i)) {
        facts.first = facts.first.value_or(kIds[i]);
        facts.last = kIds[i];
      }
    }
    return facts;
  }

  std::size_t retained = 0;
  std::size_t removed = 0;
  std::size_t last_generated = 0;
  std::size_t max_deleted = 0;
};

// Cursors as bits: 0 is 0-0, i + 1 is kIds[i].
constexpr std::size_t kCursors = kIds.size() + 1;
StreamId cursor_id(std::size_t cursor) { return cursor == 0 ? kFirstStreamId : kIds[cursor - 1]; }

// For which cursors there is a world with this showing that is …
struct Worlds {
  std::uint16_t innocent = 0;
  std::uint16_t lossy = 0;    // trimmed after the cursor, which it held
  std::uint16_t foreign = 0;  // of another history than the cursor
};

void sort_cursors(World world, Worlds& out) {
  std::size_t first = kIds.size();
  for (std::size_t i = kIds.size(); i-- > 0;) {
    first = fate(world, i) == Fate::retained ? i : first;
  }
  bool has_trimmed_after = false;
  for (std::size_t cursor = kCursors; cursor-- > 0;) {
    const bool is_held = cursor == 0 || fate(world, cursor - 1) != Fate::never_added;
    const bool is_before_first = first != kIds.size() && cursor_id(cursor).next() == kIds[first];
    const auto bit = static_cast<std::uint16_t>(1U << cursor);
    if (is_held || is_before_first) {
      (has_trimmed_after ? out.lossy : out.innocent) |= bit;
    }
    if (!is_held) {
      out.foreign |= bit;
    }
    has_trimmed_after = has_trimmed_after || (cursor != 0 && fate(world, cursor - 1) == Fate::trimmed);
  }
}

TEST(ContinuityExhaustive, TheRuleObeysEverySmallHistory) {
  std::vector<Worlds> by_showing(std::size_t{1} << Showing::kBits);
  std::map<std::size_t, Showing> judged;  // by their keys
  const std::vector<World> worlds = reachable_worlds();
  for (const World world : worlds) {
    const Showing showing(world);
    sort_cursors(world, by_showing[showing.key()]);
    if (!uses_room(world)) {
      judged.emplace(showing.key(), showing);
    }
  }

  std::size_t required = 0;
  std::size_t forbidden = 0;
  std::array<std::size_t, 2> allowed = {};  // by: reset?
  for (const auto& [key, showing] : judged) {
    const StreamFacts facts = showing.facts();
    const Worlds& same = by_showing[key];
    for (std::size_t cursor = 0; cursor < kCursors; ++cursor) {
      const StreamId id = cursor_id(cursor);
      if (is_room(id)) {
        continue;
      }
      const bool is_innocent = ((same.innocent >> cursor) & 1U) != 0;
      const bool is_lossy = ((same.lossy >> cursor) & 1U) != 0;
      const bool is_foreign = ((same.foreign >> cursor) & 1U) != 0;
      const bool is_retained = cursor != 0 && showing.is_retained(cursor - 1);
      const Continuity verdict = is_retained ? Continuity::continuous : judge_cursor(id, facts);
      const bool is_reset = verdict != Continuity::continuous;
      const auto shown = [id, &facts, &its = showing] {
        return "cursor " + to_string(id) + ", retained " + std::bitset<kIds.size()>(its.retained).to_string() + ", last " +
               to_string(facts.last_generated) + ", deleted " + to_string(facts.max_deleted) + ", removed " + std::to_string(its.removed);
      };
      if (is_lossy || !is_innocent) {
        ++required;
        ASSERT_TRUE(is_reset) << shown();
        const StreamId position = reset_position(verdict, facts);
        ASSERT_EQ(judge_cursor(position, facts), Continuity::continuous) << shown();
        ASSERT_TRUE(!facts.first || position < *facts.first) << shown();
      } else if (!is_foreign) {
        ++forbidden;
        ASSERT_FALSE(is_reset) << shown();
      } else {
        ++allowed[is_reset ? 1 : 0];
      }
    }
  }
  std::printf("%zu histories, %zu showings: reset required %zu, forbidden %zu, allowed %zu (done in %zu)\n", worlds.size(), judged.size(),
              required, forbidden, allowed[0] + allowed[1], allowed[1]);
  EXPECT_GT(required, 4000U);
  EXPECT_GT(forbidden, 4000U);
  EXPECT_GT(allowed[0], 800U);
  EXPECT_GT(allowed[1], 300U);
}

}  // namespace
}  // namespace sse
