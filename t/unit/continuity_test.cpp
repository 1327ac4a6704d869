// Single cases of the rule that have a story; continuity_exhaustive_test.cpp has all small ones.
#include "continuity.hpp"

#include <gtest/gtest.h>

#include <optional>

namespace sse {
namespace {

// Entries 3-0 to 9-0 are left of the 9 that were added.
StreamFacts trimmed_stream() {
  StreamFacts facts;
  facts.exists = true;
  facts.length = 7;
  facts.last_generated = {9, 0};
  facts.entries_added = 9;
  facts.first = StreamId{3, 0};
  facts.last = StreamId{9, 0};
  return facts;
}

StreamFacts untouched_stream() {
  StreamFacts facts = trimmed_stream();
  facts.entries_added = facts.length;
  return facts;
}

StreamFacts emptied_stream() {
  StreamFacts facts = trimmed_stream();
  facts.length = 0;
  facts.first.reset();
  facts.last.reset();
  return facts;
}

StreamFacts made_by_a_consumer_group() {
  StreamFacts facts;
  facts.exists = true;
  return facts;
}

TEST(Continuity, AMissingKeyContinuesFromTheBeginningOnly) {
  EXPECT_EQ(judge_cursor({0, 0}, StreamFacts()), Continuity::continuous);
  EXPECT_EQ(judge_cursor({0, 1}, StreamFacts()), Continuity::deleted);
  EXPECT_EQ(judge_cursor(kLastStreamId, StreamFacts()), Continuity::deleted);
}

TEST(Continuity, TheNewestIdContinuesWhateverBecameOfItsEntry) {
  EXPECT_EQ(judge_cursor({9, 0}, trimmed_stream()), Continuity::continuous);
  EXPECT_EQ(judge_cursor({9, 0}, emptied_stream()), Continuity::continuous);
  EXPECT_EQ(judge_cursor({0, 0}, made_by_a_consumer_group()), Continuity::continuous);
}

TEST(Continuity, ACursorThatWasNotYetGivenIsAhead) {
  EXPECT_EQ(judge_cursor({9, 1}, trimmed_stream()), Continuity::ahead);
  EXPECT_EQ(judge_cursor(kLastStreamId, emptied_stream()), Continuity::ahead);
  EXPECT_EQ(judge_cursor({0, 1}, made_by_a_consumer_group()), Continuity::ahead);
}

TEST(Continuity, TheBeginningContinuesUntilSomethingIsTrimmed) {
  StreamFacts facts = untouched_stream();
  EXPECT_EQ(judge_cursor({0, 0}, facts), Continuity::continuous);
  facts.entries_added = facts.length + 1;
  facts.max_deleted = {5, 0};
  EXPECT_EQ(judge_cursor({0, 0}, facts), Continuity::continuous) << "the one that is gone was withdrawn";
  facts.entries_added = facts.length + 2;
  EXPECT_EQ(judge_cursor({0, 0}, facts), Continuity::trimmed);
  EXPECT_EQ(judge_cursor({0, 0}, trimmed_stream()), Continuity::trimmed);
  EXPECT_EQ(judge_cursor({0, 0}, emptied_stream()), Continuity::trimmed);
}

TEST(Continuity, ACursorBelowTheFirstEntryIsTrimmedUnlessNoIdLiesBetween) {
  EXPECT_EQ(judge_cursor({2, 0}, trimmed_stream()), Continuity::trimmed);
  EXPECT_EQ(judge_cursor({8, 0}, emptied_stream()), Continuity::trimmed);
  EXPECT_EQ(judge_cursor(StreamId{3, 0}.previous(), trimmed_stream()), Continuity::continuous);
  EXPECT_EQ(judge_cursor({2, 0}, untouched_stream()), Continuity::trimmed) << "a history that never held it";
}

TEST(Continuity, AnEntryThatWasReadOnFromAndIsTrimmedSinceIsNoLossUnlessNothingWasEverTrimmed) {
  EXPECT_EQ(judge_history({2, 0}, true, trimmed_stream()), Continuity::continuous);
  EXPECT_EQ(judge_history({2, 0}, true, untouched_stream()), Continuity::ahead);
  EXPECT_EQ(judge_history({2, 0}, false, untouched_stream()), Continuity::continuous) << "a position that no entry had";
  EXPECT_EQ(judge_history({8, 0}, true, emptied_stream()), Continuity::continuous);
  EXPECT_EQ(judge_history({5, 0}, true, trimmed_stream()), judge_cursor({5, 0}, trimmed_stream()));
  EXPECT_EQ(judge_history({5, 0}, true, StreamFacts()), Continuity::deleted);
}

TEST(Continuity, TheOnlyEntryThatIsGoneWasWithdrawn) {
  StreamFacts facts = untouched_stream();
  facts.entries_added = facts.length + 1;
  facts.max_deleted = {2, 0};
  EXPECT_EQ(judge_cursor({2, 0}, facts), Continuity::continuous);
  EXPECT_EQ(judge_cursor({1, 0}, facts), Continuity::trimmed);
  facts.entries_added = facts.length + 2;
  EXPECT_EQ(judge_cursor({2, 0}, facts), Continuity::trimmed) << "between 2-0 and 3-0 there may have been an entry";
}

TEST(Continuity, AWithdrawnEntryAmongRetainedOnesContinues) {
  StreamFacts facts = trimmed_stream();
  facts.max_deleted = {6, 0};
  EXPECT_EQ(judge_cursor({6, 0}, facts), Continuity::continuous);
  EXPECT_EQ(judge_cursor({5, 0}, facts), Continuity::continuous);
  EXPECT_EQ(judge_cursor({6, 1}, facts), Continuity::ahead) << "a lost tail";
  facts.entries_added = facts.length + 1;
  EXPECT_EQ(judge_cursor({6, 0}, facts), Continuity::continuous);
  EXPECT_EQ(judge_cursor({5, 0}, facts), Continuity::ahead) << "one entry is gone, and it was 6-0";
}

// XSETID by hand, as a migration may do it.
TEST(Continuity, IdsThatWereMovedByHandCostAResetAtMost) {
  StreamFacts facts = untouched_stream();
  facts.last_generated = {20, 0};
  EXPECT_EQ(judge_cursor({20, 0}, facts), Continuity::continuous);
  EXPECT_EQ(judge_cursor({15, 0}, facts), Continuity::ahead);
  facts.entries_added = 3;  // fewer than there are
  EXPECT_EQ(judge_cursor({0, 0}, facts), Continuity::trimmed);
  EXPECT_EQ(judge_cursor({1, 0}, facts), Continuity::trimmed);

  StreamFacts rewound = emptied_stream();
  rewound.last_generated = {0, 0};
  EXPECT_EQ(judge_cursor({0, 0}, rewound), Continuity::continuous) << "the position that every client is given now";
  EXPECT_EQ(judge_cursor({9, 0}, rewound), Continuity::ahead);
}

TEST(ResetPosition, IsRightBeforeTheOldestRetainedEntry) {
  EXPECT_EQ(reset_position(Continuity::trimmed, trimmed_stream()), (StreamId{3, 0}.previous()));
  EXPECT_EQ(reset_position(Continuity::ahead, trimmed_stream()), (StreamId{3, 0}.previous()));
  EXPECT_EQ(reset_position(Continuity::trimmed, emptied_stream()), (StreamId{9, 0}));
  EXPECT_EQ(reset_position(Continuity::ahead, made_by_a_consumer_group()), kFirstStreamId);
  EXPECT_EQ(reset_position(Continuity::deleted, StreamFacts()), kFirstStreamId);
}

TEST(ResetPosition, IsTheForkWhereItIsKnown) {
  EXPECT_EQ(reset_position(Continuity::ahead, trimmed_stream(), StreamId{5, 0}), (StreamId{5, 0}));
  EXPECT_EQ(reset_position(Continuity::deleted, trimmed_stream(), StreamId{5, 0}), (StreamId{5, 0})) << "deleted, and made again";
  EXPECT_EQ(reset_position(Continuity::trimmed, trimmed_stream(), StreamId{5, 0}), (StreamId{3, 0}.previous()));
  EXPECT_EQ(reset_position(Continuity::deleted, StreamFacts(), StreamId{5, 0}), kFirstStreamId);
  EXPECT_EQ(reset_position(Continuity::ahead, trimmed_stream(), StreamId{1, 0}), (StreamId{3, 0}.previous())) << "trimmed since";
}

}  // namespace
}  // namespace sse
