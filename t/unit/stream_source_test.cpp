// What readers of durable channels are given, through a StreamSource and a hub, from a server whose answers the test lets through.
#include "stream_source.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "durable_world.hpp"
#include "reference_cursor.hpp"
#include "stream_fixture.hpp"

namespace sse {
namespace {

using test::DurableReader;
using test::DurableWorld;
using test::FakeStreamServer;
using test::ReaderChoice;
using test::Told;
using Phase = DurableReading::Phase;

using StreamSourceTest = test::StreamFixture;

// Where it begins

TEST_F(StreamSourceTest, WhoHasNoCursorIsGivenTheEndsPositionAtOnce) {
  fill(1, 3);
  auto one = reader();
  EXPECT_EQ(one->take(), "id: 3-0\n\n");
}

TEST_F(StreamSourceTest, AMissingStreamIsAtItsBeginning) {
  auto one = reader();
  EXPECT_EQ(one->take(), "id: 0-0\n\n");
  fill(1, 1);
  ring_and_read();
  EXPECT_EQ(one->told(), told(1, 1));
}

TEST_F(StreamSourceTest, NobodyOpensBeforeTheEndIsKnown) {
  fill(1, 3);
  auto one = world_.reader({"news"});
  world_.to_server();
  world_.flush();
  EXPECT_FALSE(one->is_open());
  world_.exchange();
  EXPECT_TRUE(one->is_open());
}

TEST_F(StreamSourceTest, WhatIsAddedBetweenOpenAndTheFirstBellComes) {
  auto one = reader();
  fill(1, 2);
  world_.pass(31'000);  // no bell at all
  EXPECT_EQ(one->told(), told(1, 2));
}

TEST_F(StreamSourceTest, StartOldestBeginsWithTheOldestThatIsKept) {
  fill(1, 40);
  stream().model.trim_to(30);
  auto one = reader({}, starting(Start::oldest));
  EXPECT_EQ(one->told(), told(11, 40));
}

TEST_F(StreamSourceTest, StartLastBeginsSoManyBeforeTheEnd) {
  fill(1, 40);
  auto one = reader({}, starting(Start::last, 3));
  auto more = reader({}, starting(Start::last, 100));
  EXPECT_EQ(one->told(), told(38, 40));
  EXPECT_EQ(more->told(), told(1, 40));
}

TEST_F(StreamSourceTest, StartOldestOfAnEmptyStreamIsItsEnd) {
  fill(1, 3);
  stream().model.trim_to(0);
  auto one = reader({}, starting(Start::oldest));
  EXPECT_EQ(one->take(), "id: 3-0\n\n");
}

TEST_F(StreamSourceTest, AStartThatIsFoundWhileTheStreamOpensIsNotForgotten) {
  fill(1, 3);
  auto one = world_.reader({"news"}, starting(Start::oldest));
  one->stop_waiting();  // and before it is open, the answer comes
  world_.to_server();
  world_.to_session();
  world_.to_server();
  world_.to_session();
  world_.exchange();
  EXPECT_EQ(one->told(), both({"reset broker-away @0-18446744073709551615"}, told(1, 3)));
}

// Replay

TEST_F(StreamSourceTest, ACursorIsFollowedByWhatCameAfterItAndThenByWhatComes) {
  fill(1, 100);
  auto one = reader("40-0");
  EXPECT_EQ(one->told(), told(41, 100));
  fill(101, 105);
  ring_and_read();
  EXPECT_EQ(one->told(), told(41, 105));
  EXPECT_EQ(world_.hub.counters().resets, 0u);
}

TEST_F(StreamSourceTest, WhatComesDuringAReplayComesAfterItAndOnce) {
  fill(1, 100);
  auto one = world_.reader({"news"}, {}, "10-0");
  for (std::uint64_t next = 101; next <= 140; ++next) {
    world_.to_server();
    fill(next, next);
    world_.ring("news");
    world_.to_session(300);
    world_.flush();
  }
  world_.exchange();
  EXPECT_EQ(one->told(), told(11, 140));
}

TEST_F(StreamSourceTest, OneWalkServesAllWhoComeBackTogether) {
  fill(1, 200);
  std::vector<std::unique_ptr<DurableReader>> readers;
  for (std::uint64_t i = 0; i < 100; ++i) {
    readers.push_back(world_.reader({"news"}, {}, std::to_string(1 + i) + "-0"));
  }
  world_.exchange();
  for (std::uint64_t i = 0; i < 100; ++i) {
    EXPECT_EQ(readers[i]->told(), told(2 + i, 200)) << i;
  }
  EXPECT_LE(world_.asked("XRANGE").size(), 15u);  // of 16 entries, as their size is not known
  EXPECT_LE(world_.hub.counters().entries_replayed, 200u);
}

TEST_F(StreamSourceTest, WhoComesBackCostsNoMoreWhereManyWait) {
  fill(1, 100);
  const auto live = reader();
  std::vector<std::unique_ptr<DurableReader>> waiting;
  const auto cpu_of_arrivals = [&](std::size_t count) {
    const std::clock_t begin = std::clock();
    for (std::size_t i = 0; i < count; ++i) {
      waiting.push_back(world_.reader({"news"}, {}, std::to_string(1 + i % 50) + "-0"));
    }
    world_.flush();
    return static_cast<double>(std::clock() - begin);
  };
  cpu_of_arrivals(200);
  const double with_few = cpu_of_arrivals(200);
  cpu_of_arrivals(4600);
  EXPECT_EQ(waiting.back()->phase(), Phase::parked);
  EXPECT_LT(cpu_of_arrivals(200), 5 * with_few);
  world_.exchange();
  EXPECT_EQ(waiting.back()->told(), told(51, 100));
  EXPECT_EQ(waiting.front()->told(), told(2, 100));
}

TEST_F(StreamSourceTest, AWindowAnswersWithoutRedis) {
  auto one = reader();
  for (std::uint64_t i = 1; i <= 20; ++i) {
    world_.publish("news", {i, 0}, "e" + std::to_string(i));
  }
  const std::size_t asked = world_.asked("XRANGE").size();
  auto two = reader("5-0");
  EXPECT_EQ(two->told(), told(6, 20));
  EXPECT_EQ(world_.asked("XRANGE").size(), asked);
}

TEST_F(StreamSourceTest, AWindowIsConfirmedBeforeItAnswersAfterASecond) {
  auto one = reader();
  for (std::uint64_t i = 1; i <= 20; ++i) {
    world_.publish("news", {i, 0}, "e" + std::to_string(i));
  }
  world_.now_ms += 1001;
  fill(21, 21);
  auto two = world_.reader({"news"}, {}, "5-0");
  world_.flush();
  EXPECT_EQ(two->told(), Told());
  world_.exchange();
  EXPECT_EQ(two->told(), told(6, 21));
}

TEST_F(StreamSourceTest, ACursorThatAnotherWorkerGaveIsWaitedForNotReset) {
  fill(1, 10);
  auto one = reader();
  fill(11, 20);  // and no bell yet
  auto two = reader("15-0");
  EXPECT_EQ(two->told(), told(16, 20));
  auto three = reader("20-0");
  fill(21, 21);
  ring_and_read();
  EXPECT_EQ(three->told(), told(21, 21));
  EXPECT_EQ(one->told(), told(11, 21));
}

TEST_F(StreamSourceTest, AnIdThatWasWithdrawnIsNotLost) {
  fill(1, 10);
  for (const std::uint64_t id : {4U, 5U, 10U}) {
    stream().model.withdraw({id, 0});
  }
  auto one = reader("4-0");
  EXPECT_EQ(one->told(), told(6, 9));
  auto two = reader("10-0");
  fill(11, 11);
  ring_and_read();
  EXPECT_EQ(one->told(), both(told(6, 9), told(11, 11)));
  EXPECT_EQ(two->told(), told(11, 11));
}

// What live reading has said is believed for a second: between two pages, it has to be asked again.
TEST_F(StreamSourceTest, AReplayWhoseAnswersAreSlowGoesOnByItself) {
  fill(1, 3000);
  auto one = world_.reader({"news"}, {}, "10-0");
  for (int i = 0; i < 50; ++i) {
    world_.to_server();
    world_.now_ms += 1001;
    world_.to_session();
    world_.flush();
  }
  EXPECT_EQ(one->told(), told(11, 3000));
}

// Slow readers

TEST_F(StreamSourceTest, WhoFallsOutOfTheWindowPagesOnAndLosesNothing) {
  ReaderChoice choice;
  choice.buffer_bytes = 500;
  auto fast = reader({}, choice);
  auto slow = reader({}, choice);
  slow->sink.room = 30;  // in the middle of its second event
  for (std::uint64_t i = 1; i <= 200; ++i) {
    world_.publish("news", {i, 0}, "e" + std::to_string(i));
  }
  EXPECT_EQ(slow->phase(), Phase::parked);
  EXPECT_EQ(fast->told(), told(1, 200));
  slow->make_writable();
  world_.exchange();
  EXPECT_EQ(slow->told(), told(1, 200));
  EXPECT_FALSE(slow->sink.aborted);
}

TEST_F(StreamSourceTest, WhoHoldsTooMuchMemoryPagesOnToo) {
  world_.hub.set_memory_limit(4000);
  auto fast = reader();
  auto slow = reader();
  slow->sink.room = 0;
  for (std::uint64_t i = 1; i <= 200; ++i) {
    world_.publish("news", {i, 0}, "e" + std::to_string(i));
    EXPECT_LE(world_.hub.memory().bytes, 4000u);
  }
  EXPECT_EQ(slow->phase(), Phase::parked);
  EXPECT_EQ(fast->told(), told(1, 200));
  slow->make_writable();
  world_.exchange();
  EXPECT_EQ(slow->told(), told(1, 200));
}

// With all that it has taken given whole: it is in the middle of nothing.
TEST_F(StreamSourceTest, WhoFallsOutOfTheWindowOwesItsFirstByteAllTheSame) {
  ReaderChoice choice;
  choice.buffer_bytes = 500;
  choice.send_timeout_ms = 1000;
  auto slow = reader({}, choice);
  slow->sink.room = 0;
  const std::uint64_t first_due_ms = world_.now_ms;
  world_.publish("news", {1, 0}, "e1");
  world_.now_ms += 600;
  fill(2, 100);
  ring_and_read();
  EXPECT_EQ(slow->phase(), Phase::parked);
  world_.hub.check_timeouts(first_due_ms + 999);
  EXPECT_FALSE(slow->sink.aborted);
  world_.hub.check_timeouts(first_due_ms + 1000);
  EXPECT_EQ(slow->sink.aborted, CloseReason::slow);
}

TEST_F(StreamSourceTest, WhoHasCaughtUpOwesNothingOfBefore) {
  ReaderChoice choice;
  choice.buffer_bytes = 500;
  choice.send_timeout_ms = 1000;
  auto slow = reader({}, choice);
  slow->sink.room = 0;
  fill(1, 100);
  ring_and_read();
  EXPECT_EQ(slow->phase(), Phase::parked);
  slow->make_writable();
  world_.exchange();
  EXPECT_EQ(slow->told(), told(1, 100));
  world_.now_ms += 5000;
  slow->sink.room = 0;
  world_.publish("news", {101, 0}, "e101");
  world_.hub.check_timeouts(world_.now_ms + 999);
  EXPECT_FALSE(slow->sink.aborted);
  world_.hub.check_timeouts(world_.now_ms + 1000);
  EXPECT_TRUE(slow->sink.aborted);
}

TEST_F(StreamSourceTest, AWalkWhoseReadersAreAllBlockedIsLeftForOthers) {
  ReaderChoice choice;
  choice.buffer_bytes = 2000;
  fill(1, 300);
  auto slow = world_.reader({"news"}, choice, "1-0");
  slow->sink.room = 100;
  world_.exchange();
  auto other = reader("100-0", choice);
  EXPECT_EQ(other->told(), told(101, 300));
  slow->make_writable();
  world_.exchange();
  EXPECT_EQ(slow->told(), told(2, 300));
}

TEST_F(StreamSourceTest, ASlowReplayIsNotReadFasterThanItIsTaken) {
  fill(1, 5000);
  ReaderChoice choice;
  choice.buffer_bytes = 4000;
  auto slow = world_.reader({"news"}, choice, "1-0");
  slow->sink.room = 1000;
  world_.exchange();
  EXPECT_LT(world_.hub.counters().entries_replayed, 1200u);
  for (int i = 0; i < 10000 && slow->told().size() < 4999; ++i) {
    slow->make_writable(1000);
    world_.exchange();
  }
  EXPECT_EQ(slow->told(), told(2, 5000));
}

// Too far

TEST_F(StreamSourceTest, WhoWouldGetMoreThanIsAllowedIsToldAndGoesOnLive) {
  fill(1, 100);
  ReaderChoice choice;
  choice.durable.max_replay = 30;
  auto one = reader("10-0", choice);
  const Told given = one->told();
  ASSERT_FALSE(given.empty());
  EXPECT_LE(given.size(), 31u);
  EXPECT_EQ(given.back(), "reset too-far @100-0");
  EXPECT_EQ(Told(given.begin(), given.end() - 1), told(11, 10 + given.size() - 1));
  fill(101, 101);
  ring_and_read();
  EXPECT_EQ(one->told(), both(given, told(101, 101)));
}

TEST_F(StreamSourceTest, WhoIsAllowedExactlyWhatThereIsGetsIt) {
  fill(1, 100);
  ReaderChoice choice;
  choice.durable.max_replay = 30;
  auto one = reader("70-0", choice);
  EXPECT_EQ(one->told(), told(71, 100));
  auto two = reader("70-0", choice);  // from the window
  EXPECT_EQ(two->told(), told(71, 100));
  auto three = reader("69-0", choice);
  EXPECT_EQ(three->told().back(), "reset too-far @100-0");
  fill(101, 130);
  ring_and_read();
  auto four = reader("100-0", choice);  // from the live window
  EXPECT_EQ(four->told(), told(101, 130));
}

TEST_F(StreamSourceTest, WhoWasLiveInBetweenHasNotMissedWhatItGotBefore) {
  ReaderChoice choice;
  choice.durable.max_replay = 300;
  choice.buffer_bytes = 500;  // the window
  fill(1, 201);
  auto one = reader("1-0", choice);
  one->sink.room = 10;
  for (std::uint64_t i = 202; i <= 451; ++i) {
    world_.publish("news", {i, 0}, "e" + std::to_string(i));
  }
  ASSERT_EQ(one->phase(), Phase::parked);
  one->make_writable();
  world_.exchange();
  EXPECT_EQ(one->told(), told(2, 451));
}

// Resets

TEST_F(StreamSourceTest, TrimmedIsToldOnceAndGoesOnWithTheOldest) {
  fill(1, 100);
  stream().model.trim_to(20);
  auto one = reader("10-0");
  auto two = reader("80-0");  // the next one is there
  EXPECT_EQ(one->told(), both({"reset trimmed @80-18446744073709551615"}, told(81, 100)));
  EXPECT_EQ(two->told().front(), "reset trimmed @80-18446744073709551615");  // Redis cannot know
  EXPECT_EQ(world_.hub.counters().resets_trimmed, 2u);
}

TEST_F(StreamSourceTest, ATrimUnderALiveReaderIsToldOnce) {
  fill(1, 10);
  auto one = reader();
  fill(11, 50);
  stream().model.trim_to(20);
  ring_and_read();
  EXPECT_EQ(one->told(), both({"reset trimmed @30-18446744073709551615"}, told(31, 50)));
  EXPECT_EQ(world_.hub.counters().forks, 0u);
}

TEST_F(StreamSourceTest, WhoLostEntriesByTrimmingIsJudgedTogetherWithOthers) {
  fill(1, 100);
  stream().model.trim_to(20);
  std::vector<std::unique_ptr<DurableReader>> readers;
  for (std::uint64_t i = 1; i <= 60; ++i) {
    readers.push_back(world_.reader({"news"}, {}, std::to_string(i) + "-0"));
  }
  world_.exchange();
  for (const auto& one : readers) {
    EXPECT_EQ(one->told(), both({"reset trimmed @80-18446744073709551615"}, told(81, 100)));
  }
  EXPECT_LE(world_.asked("EXEC").size(), 2u);
}

TEST_F(StreamSourceTest, ATrimUnderAReplayIsToldOnce) {
  ReaderChoice choice;
  choice.buffer_bytes = 1000;
  fill(1, 1000);
  auto one = world_.reader({"news"}, choice, "1-0");
  one->sink.room = 200;
  world_.exchange();
  stream().model.trim_to(100);
  one->make_writable();
  world_.exchange();
  const Told given = one->told();
  EXPECT_EQ(std::count_if(given.begin(), given.end(), [](const std::string& line) { return line.rfind("reset", 0) == 0; }), 1);
  EXPECT_EQ(Told(given.end() - 101, given.end()), both({"reset trimmed @900-18446744073709551615"}, told(901, 1000)));
}

TEST_F(StreamSourceTest, ACursorOfNoHistoryIsAhead) {
  fill(1, 10);
  auto one = reader("99-0");
  EXPECT_EQ(one->told(), both({"reset ahead @0-18446744073709551615"}, told(1, 10)));
  EXPECT_EQ(world_.hub.counters().resets_ahead, 1u);
}

TEST_F(StreamSourceTest, ADeletedStreamIsTold) {
  fill(1, 10);
  auto one = reader();
  world_.server.streams.erase("news");
  ring_and_read();
  auto two = reader("5-0");
  fill(1, 2);
  ring_and_read();
  EXPECT_EQ(one->told(), both({"reset deleted @0-0"}, told(1, 2)));
  EXPECT_EQ(two->told(), both({"reset deleted @0-0"}, told(1, 2)));
}

TEST_F(StreamSourceTest, ACursorThatIsNoneIsTold) {
  fill(1, 10);
  auto one = reader("nonsense");
  fill(11, 11);
  ring_and_read();
  EXPECT_EQ(one->told(), both({"reset malformed @10-0"}, told(11, 11)));
}

TEST_F(StreamSourceTest, ATooLargeEntryIsLeftOutAndTold) {
  ReaderChoice choice;
  choice.max_message_bytes = 100;
  auto one = reader({}, choice);
  fill(1, 1);
  stream().add({2, 0}, std::string(101, 'x'));
  fill(3, 3);
  ring_and_read();
  EXPECT_EQ(one->told(), (Told{"e1 @1-0", "reset too-large @2-0", "e3 @3-0"}));
  EXPECT_EQ(world_.logger.count(LogLevel::warn), 1u);
}

// Forks

TEST_F(StreamSourceTest, AForkIsFoundAndGoneOnFrom) {
  auto one = reader();
  for (std::uint64_t i = 1; i <= 10; ++i) {
    world_.publish("news", {i, 0}, "e" + std::to_string(i));
  }
  world_.cut();
  stream() = {};
  fill(1, 6);
  stream().add({7, 0}, "other7");  // the same ids, and other bytes
  stream().add({10, 0}, "other10");
  stream().add({12, 0}, "other12");
  world_.connect();
  world_.exchange();
  EXPECT_EQ(one->told(), both(told(1, 10), {"reset ahead @6-0", "other7 @7-0", "other10 @10-0", "other12 @12-0"}));
  EXPECT_EQ(world_.hub.counters().forks, 1u);
  auto two = reader("9-0");  // of the lost tail
  EXPECT_EQ(two->told(), (Told{"reset ahead @6-0", "other7 @7-0", "other10 @10-0", "other12 @12-0"}));
}

TEST_F(StreamSourceTest, IdsThatGoBackAreSeenByTheHashAlone) {
  auto one = reader();
  world_.publish("news", {1, 0}, "first");
  stream() = {};
  stream().add({1, 0}, "second");
  world_.pass(62'000);  // silence
  EXPECT_EQ(one->told(), (Told{"first @1-0", "reset ahead @0-18446744073709551615", "second @1-0"}));
}

TEST_F(StreamSourceTest, WhoIsReplayedWhileTheHistoryForksIsToldOnce) {
  fill(1, 10);
  auto one = reader();
  stream() = {};
  fill(1, 4);
  stream().add({50, 0}, "other50");
  auto two = reader("8-0");
  const Told all = both({"reset ahead @0-18446744073709551615"}, both(told(1, 4), {"other50 @50-0"}));
  EXPECT_EQ(two->told(), all);
  EXPECT_EQ(one->told(), all);
}

TEST_F(StreamSourceTest, WhoBringsAForkToLightIsToldOnce) {
  auto one = reader();
  for (std::uint64_t i = 1; i <= 10; ++i) {
    world_.publish("news", {i, 0}, "e" + std::to_string(i));
  }
  stream() = {};
  fill(1, 6);
  stream().add({20, 0}, "other20");
  ReaderChoice other_encoding;  // for whom the past is read
  other_encoding.framing = Framing::chunked;
  auto two = reader("8-0", other_encoding);
  ring_and_read();
  EXPECT_EQ(two->told(), (Told{"reset ahead @6-0", "other20 @20-0"}));
  EXPECT_EQ(one->told(), both(told(1, 10), {"reset ahead @6-0", "other20 @20-0"}));
}

TEST_F(StreamSourceTest, WhatWasReadAgainUpToAKnownEntryTellsWhereTheForkIs) {
  fill(1, 10);
  auto one = reader("4-0");
  EXPECT_EQ(one->told(), told(5, 10));
  stream() = {};
  fill(1, 8);
  stream().add({20, 0}, "other20");
  ring_and_read();
  EXPECT_EQ(one->told(), both(told(5, 10), {"reset ahead @8-0", "other20 @20-0"}));
}

TEST_F(StreamSourceTest, WhatWasReadAgainInTheNewHistoryIsNotTheFork) {
  auto one = reader();
  for (std::uint64_t i = 1; i <= 10; ++i) {
    world_.publish("news", {i, 0}, "e" + std::to_string(i));
  }
  stream() = {};
  fill(1, 6);
  stream().add({7, 1}, "other7");
  stream().add({8, 1}, "other8");
  stream().add({10, 0}, "other10");  // nobody has noticed yet
  ReaderChoice other_encoding;       // for whom the past is read
  other_encoding.framing = Framing::chunked;
  auto two = reader("7-1", other_encoding);
  EXPECT_EQ(two->told(), (Told{"other8 @8-1", "other10 @10-0"}));
  stream() = {};
  fill(1, 6);
  stream().add({7, 1}, "other7");
  stream().add({8, 1}, "other8");
  stream().add({20, 0}, "other20");
  ring_and_read();
  EXPECT_EQ(one->told(), both(told(1, 10), {"reset ahead @6-0", "other7 @7-1", "other8 @8-1", "other20 @20-0"}));
}

TEST_F(StreamSourceTest, AWalkThatWasUnderWayWhenTheHistoryForkedIsNotGoneOnWith) {
  fill(1, 5000);
  auto one = reader();
  for (std::uint64_t i = 5001; i <= 5005; ++i) {
    world_.publish("news", {i, 0}, "e" + std::to_string(i));
  }
  auto far = world_.reader({"news"}, {}, "1-0");
  world_.flush();
  stream() = {};
  fill(1, 5003);
  stream().add({5010, 0}, "other5010");
  world_.ring("news");
  while (world_.hub.counters().forks == 0) {
    ASSERT_TRUE(world_.is_busy());
    world_.to_server();
    world_.to_session();
    world_.flush();
  }
  EXPECT_GT(far->events().size(), 500u);
  EXPECT_LT(far->events().size(), 5000u);
  far.reset();
  world_.exchange();
  ReaderChoice other_encoding;  // whose live window begins where the stream ends now
  other_encoding.framing = Framing::chunked;
  EXPECT_EQ(reader("5003-0", other_encoding)->told(), (Told{"other5010 @5010-0"}));
}

TEST_F(StreamSourceTest, AForkIsNotThatOfAHistoryBeforeIt) {
  auto one = reader();
  fill(1, 5);
  ring_and_read();
  stream() = {};
  fill(1, 3);
  for (std::uint64_t i = 10; i <= 15; ++i) {
    stream().add({i, 0}, "second" + std::to_string(i));
  }
  ring_and_read();
  stream() = {};
  fill(1, 3);
  for (std::uint64_t i = 10; i <= 14; ++i) {
    stream().add({i, 0}, "second" + std::to_string(i));
  }
  world_.pass(62'000);
  ASSERT_EQ(world_.hub.counters().forks, 2u);
  auto first = reader("20-0");  // of no history
  EXPECT_EQ(first->told().front(), "reset ahead @0-18446744073709551615");
  auto last = reader("15-0");  // of the one that ended
  EXPECT_EQ(last->told(), (Told{"reset ahead @14-0"}));
}

TEST_F(StreamSourceTest, WhoHasNotBegunBeginsInTheHistoryThatThereIs) {
  fill(1, 5);
  auto one = reader();
  world_.cut();
  world_.server.streams.erase("news");
  auto oldest = world_.reader({"news"}, starting(Start::oldest));
  auto last = world_.reader({"news"}, starting(Start::last, 2));
  world_.connect();
  world_.exchange();
  fill(1, 1);
  ring_and_read();
  EXPECT_EQ(oldest->told(), told(1, 1));
  EXPECT_EQ(last->told(), told(1, 1));
}

// The broker away

TEST_F(StreamSourceTest, WhoOpensWhileTheBrokerIsAwayIsToldFromWhereItReads) {
  world_.cut();
  auto fresh = world_.reader({"news"});
  auto back = world_.reader({"news"}, {}, "4-0");
  fresh->stop_waiting();
  back->stop_waiting();
  world_.flush();
  EXPECT_TRUE(fresh->is_open());
  EXPECT_EQ(fresh->take(), "");
  fill(1, 5);
  world_.connect();
  world_.exchange();
  fill(6, 6);
  ring_and_read();
  EXPECT_EQ(fresh->told(), both({"reset broker-away @5-0"}, told(6, 6)));
  EXPECT_EQ(back->told(), told(5, 6));
}

TEST_F(StreamSourceTest, WhatCameWhileTheConnectionWasBrokenComesAfterwards) {
  fill(1, 5);
  auto one = reader();
  world_.cut();
  fill(6, 60);
  world_.connect();
  world_.exchange();
  EXPECT_EQ(one->told(), told(6, 60));
}

// The cut comes after so many bytes of what the server has to say.
TEST_F(StreamSourceTest, AConnectionThatBreaksAtAnyByteLosesNothing) {
  for (std::size_t bytes = 0; bytes < 3000; bytes += 7) {
    SCOPED_TRACE(bytes);
    DurableWorld world;
    auto& entries = world.server.streams["news"];
    for (std::uint64_t i = 1; i <= 40; ++i) {
      entries.add({i, 0}, "e" + std::to_string(i));
    }
    world.connect();
    auto one = world.reader({"news"}, {}, "10-0");
    std::size_t left = bytes;
    while (left > 0 && (world.to_server(), world.is_busy())) {
      const std::size_t step = std::min(left, world.client->output.size());
      world.to_session(step);
      left -= step;
    }
    world.cut();
    entries.add({41, 0}, "e41");
    world.connect();
    world.exchange();
    ASSERT_EQ(one->told(), told(11, 41));
  }
}

TEST_F(StreamSourceTest, ARefusedStreamIsAskedAgainAndHarmsNoOther) {
  fill(1, 3);
  world_.server.refusals["news"] = "WRONGTYPE Operation against a key holding the wrong kind of value";
  auto refused = world_.reader({"news"});
  auto other = world_.reader({"orders"});
  world_.exchange();
  EXPECT_FALSE(refused->is_open());
  EXPECT_TRUE(other->is_open());
  world_.pass(20'000);
  EXPECT_EQ(world_.logger.count(LogLevel::error), 1u);
  world_.server.refusals.clear();
  world_.pass(5'500);
  EXPECT_EQ(refused->take(), "id: 3-0\n\n");
}

TEST_F(StreamSourceTest, ErrorsOfTheServerAreNoEvidenceAboutAStream) {
  for (const char* error : {"LOADING Redis is loading the dataset in memory", "MASTERDOWN Link with MASTER is down", "NOPERM no",
                            "WRONGTYPE Operation against a key holding the wrong kind of value"}) {
    SCOPED_TRACE(error);
    DurableWorld world;
    auto& entries = world.server.streams["news"];
    entries.add({1, 0}, "e1");
    world.connect();
    auto live = world.reader({"news"});
    world.exchange();
    world.server.refusals["news"] = error;
    auto back = world.reader({"news"}, {}, "0-1");
    for (int i = 0; i < 4; ++i) {
      world.ring("news");
      world.pass(3000);
    }
    entries.add({2, 0}, "e2");
    world.server.refusals.clear();
    world.pass(6000);
    EXPECT_EQ(live->told(), (Told{"e2 @2-0"}));
    EXPECT_EQ(back->told().back(), "e2 @2-0");
    EXPECT_EQ(world.hub.counters().resets_deleted, 0u);
    EXPECT_EQ(live->told().size(), 1u);
  }
}

// Many channels

class ManyChannelsTest : public StreamSourceTest {
 protected:
  static constexpr std::size_t kChannels = 100;
  static constexpr std::size_t kEntryBytes = 90'000;

  static std::string name(std::size_t i) { return "c" + std::to_string(i); }

  ManyChannelsTest() {
    for (std::size_t i = 0; i < kChannels; ++i) {
      stream(name(i)).add({1, 0}, std::string(kEntryBytes, 'x'));
      readers_.push_back(world_.reader({name(i)}));
    }
  }

  void reconnect() {
    world_.cut();
    world_.connect();
    world_.to_server();  // logs in
    world_.to_session();
  }
  // Exchanges; returns the most that the server had to say at once.
  std::size_t peak_bytes() {
    std::size_t peak = 0;
    while (world_.is_busy()) {
      world_.to_server();
      peak = std::max(peak, world_.client->output.size());
      world_.to_session();
    }
    return peak;
  }
  // How many others were asked for before it since the connection is there.
  std::size_t turn_of(const std::string& key) const {
    const std::vector<std::string> asked = world_.asked("XRANGE");
    const auto found =
        std::find_if(asked.begin(), asked.end(), [&key](const std::string& one) { return one.rfind("XRANGE " + key + ' ', 0) == 0; });
    return static_cast<std::size_t>(found - asked.begin());
  }

  std::string unasked() const {
    std::size_t i = 0;
    while (turn_of(name(i)) != world_.asked("XRANGE").size()) {
      ++i;
    }
    return name(i);
  }

  std::vector<std::unique_ptr<DurableReader>> readers_;
};

TEST_F(ManyChannelsTest, ChannelsThatAreNewDoNotFillTheServerWithAnswers) {
  EXPECT_LE(peak_bytes(), QueryPace::kMostBytes);
  for (const auto& one : readers_) {
    world_.flush();
    EXPECT_EQ(one->take(), "id: 1-0\n\n");
  }
}

TEST_F(ManyChannelsTest, AReconnectDoesNotFillTheServerWithAnswers) {
  world_.exchange();
  for (int i = 0; i < 3; ++i) {
    reconnect();
    EXPECT_LE(peak_bytes(), QueryPace::kMostBytes);
    EXPECT_EQ(world_.asked("XRANGE").size(), kChannels);
  }
}

TEST_F(ManyChannelsTest, AfterAReconnectEachIsToldWhatItMissed) {
  world_.exchange();
  world_.cut();
  for (std::size_t i = 0; i < kChannels; ++i) {
    stream(name(i)).add({2, 0}, "e2");
  }
  world_.connect();
  world_.exchange();
  for (const auto& one : readers_) {
    EXPECT_EQ(one->told(), told(2, 2));
  }
}

TEST_F(ManyChannelsTest, AfterAReconnectABellIsNotKeptWaiting) {
  world_.exchange();
  reconnect();
  world_.to_server();
  const std::string key = unasked();
  static_cast<BellMember&>(*world_.listener(key)).bell_rang(world_.now_ms);
  world_.exchange();
  EXPECT_LT(turn_of(key), kChannels / 10);
  EXPECT_EQ(world_.asked("XRANGE").size(), kChannels) << "what was yet to be asked need not be asked again";
}

TEST_F(ManyChannelsTest, AfterAReconnectWhoComesIsNotKeptWaiting) {
  world_.exchange();
  reconnect();
  world_.to_server();
  const std::string key = unasked();
  auto one = world_.reader({key});
  world_.exchange();
  EXPECT_LT(turn_of(key), kChannels / 10);
  EXPECT_EQ(one->take(), "id: 1-0\n\n");
}

TEST_F(ManyChannelsTest, AfterAReconnectChannelsThatNobodyReadsComeLast) {
  world_.exchange();
  for (std::size_t i = 0; i < 10; ++i) {
    readers_[i].reset();
  }
  reconnect();
  world_.exchange();
  for (std::size_t i = 0; i < 10; ++i) {
    EXPECT_GE(turn_of(name(i)), kChannels - 10);
    EXPECT_LT(turn_of(name(i)), kChannels);
  }
}

TEST_F(ManyChannelsTest, AConnectionThatBreaksWhileMostWaitIsNoLoss) {
  world_.exchange();
  for (std::uint64_t round = 2; round < 12; ++round) {
    for (std::size_t i = 0; i < kChannels; ++i) {
      fill(round, round, name(i));
    }
    reconnect();
    for (std::uint64_t i = 0; i < round; ++i) {
      world_.to_server();
      world_.to_session();
    }
  }
  reconnect();
  world_.exchange();
  for (const auto& one : readers_) {
    EXPECT_EQ(one->told(), told(2, 11));
  }
}

// Lanes

TEST_F(StreamSourceTest, WhatALaneBringsLateOrTwiceComesOnce) {
  auto one = reader();
  fill(1, 5);
  const auto first = world_.read_lane("news");
  for (int i = 0; i < 60; ++i) {  // so often that it is taken as it is
    world_.ring("news");
    world_.tell(first);
  }
  fill(6, 9);
  const auto second = world_.read_lane("news");
  world_.exchange();
  world_.tell(second);
  world_.tell(first);
  world_.tell(world_.read_lane("news"));
  world_.exchange();
  EXPECT_EQ(one->told(), told(1, 9));
}

// Several channels

class SeveralChannelsTest : public StreamSourceTest {
 protected:
  std::string id(std::uint64_t news, std::uint64_t orders) const {
    return reference::cursor({{"news", {news, 0}}, {"orders", {orders, 0}}});
  }
};

TEST_F(SeveralChannelsTest, EachEventTellsTheWholePlace) {
  fill(1, 2, "orders");
  auto one = world_.reader({"orders", "news"});
  world_.exchange();
  EXPECT_EQ(one->take(), "id: " + id(0, 2) + "\n\n");
  world_.publish("news", {1, 0}, "n1");
  world_.publish("orders", {3, 0}, "o3");
  world_.publish("news", {2, 0}, "n2");
  EXPECT_EQ(one->told(), (Told{"n1 @" + id(1, 2), "o3 @" + id(1, 3), "n2 @" + id(2, 3)}));
}

TEST_F(SeveralChannelsTest, AChannelThatTheCursorDoesNotNameBeginsAtItsStart) {
  fill(1, 3, "orders");
  fill(1, 3, "news");
  auto one = world_.reader({"news", "orders"}, starting(Start::last, 1), reference::cursor({{"orders", {1, 0}}}));
  world_.exchange();
  Told data;
  for (const auto& event : one->events()) {
    data.push_back(event.data);
  }
  std::sort(data.begin(), data.end());
  EXPECT_EQ(data, (Told{"e2", "e3", "e3"}));
  EXPECT_EQ(one->last_event_id(), id(3, 3));
}

// Batches as small as this, and sends that take as little as this.
TEST_F(SeveralChannelsTest, IdsAndEventsAreWholeWhereverABatchOrASendEnds) {
  for (const Framing framing : {Framing::plain, Framing::chunked}) {
    for (std::size_t bytes = 1; bytes < 130; ++bytes) {
      for (const bool is_batch : {false, true}) {
        SCOPED_TRACE(std::to_string(bytes) + (is_batch ? " in a batch" : " in a send"));
        DurableWorld world;
        world.connect();
        ReaderChoice choice;
        choice.framing = framing;
        auto one = world.reader({"news", "orders"}, choice);
        world.exchange();
        one->sink.limit_bytes = is_batch ? bytes : 100'000;
        one->sink.room = is_batch ? SIZE_MAX : bytes;
        for (std::uint64_t i = 1; i <= 3; ++i) {
          world.publish("news", {i, 0}, "n" + std::to_string(i));
          world.publish("orders", {i, 0}, "o" + std::to_string(i));
        }
        for (int i = 0; i < 400; ++i) {
          one->make_writable(is_batch ? SIZE_MAX : bytes);
        }
        ASSERT_EQ(one->told(),
                  (Told{"n1 @" + id(1, 0), "o1 @" + id(1, 1), "n2 @" + id(2, 1), "o2 @" + id(2, 2), "n3 @" + id(3, 2), "o3 @" + id(3, 3)}));
      }
    }
  }
}

TEST_F(SeveralChannelsTest, AResetOfOneChannelTellsOfTheFrameOfAnotherThatGoesBeforeIt) {
  fill(1, 10, "orders");
  for (std::size_t room = 0; room < 90; ++room) {
    SCOPED_TRACE(room);
    DurableWorld world(world_.server);
    world.connect();
    auto one = world.reader({"news", "orders"}, {}, id(0, 99));
    world.to_server();
    world.to_session();  // logged in
    // It is open, and the fate of its second cursor is not known yet.
    for (int i = 0; i < 20 && !one->is_open(); ++i) {
      world.to_server();
      world.to_session();
      world.flush();
    }
    one->sink.room = room;
    world.server.streams["news"] = {};
    world.publish("news", {1, 0}, "n1");
    one->make_writable();
    world.exchange();
    EXPECT_EQ(one->last_event_id(), id(1, 10));
    std::uint64_t news = 0;
    for (const auto& event : one->events()) {
      news = event.data == "n1" ? 1 : news;
      if (event.type == "reset") {
        EXPECT_EQ(event.last_event_id, reference::cursor({{"news", {news, 0}}, {"orders", {0, UINT64_MAX}}}));
      }
    }
    world.server.streams.erase("news");
  }
}

}  // namespace
}  // namespace sse
