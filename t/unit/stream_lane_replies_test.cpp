// What a lane brings: where entries rush, it is taken as it is, but never what does not continue what was read.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "stream_fixture.hpp"

namespace sse {
namespace {

using test::Told;

class StreamLaneRepliesTest : public test::StreamFixture {
 protected:
  // The lane tells of what is there.
  void tell() {
    world_.tell(world_.read_lane("news"));
    world_.exchange();
  }
  // The next check of a silent channel is far away.
  void pass_check() { world_.pass(test::DurableWorld::kTickMs); }
  // From now on, and for the rest of the second, its replies are taken. Entries up to the result.
  std::uint64_t rush(std::uint64_t from = 1) {
    for (std::uint64_t i = from; i < from + kRead; ++i) {
      fill(i, i);
      tell();
    }
    return from + kRead - 1;
  }
  // The same, and some are taken. Entries up to the result, of which the last that was proven is three before.
  std::uint64_t take() {
    pass_check();
    const std::uint64_t last = rush() + 3;
    fill(last - 2, last);
    const std::size_t asked_before = asked();
    tell();
    EXPECT_EQ(asked(), asked_before);
    return last;
  }
  // Entries of another history: data n1, n2 …
  void fill_anew(std::uint64_t from, std::uint64_t to) {
    for (std::uint64_t i = from; i <= to; ++i) {
      stream().add({i, 0}, "n" + std::to_string(i));
    }
  }
  static Told told_anew(std::uint64_t from, std::uint64_t to) {
    Told result = told(from, to);
    for (std::string& one : result) {
      one[0] = 'n';
    }
    return result;
  }
  static Told reset(const std::string& reason, std::uint64_t before) {
    return {"reset " + reason + " @" + std::to_string(before - 1) + "-18446744073709551615"};
  }
  std::size_t asked() const { return world_.asked("XRANGE").size(); }

  static constexpr std::uint64_t kRead = 20;
};

TEST_F(StreamLaneRepliesTest, AreABellUntilTheyRushAndThenSpareRedisTheReading) {
  auto one = reader();
  const std::uint64_t last = rush();
  const std::size_t asked_before = asked();
  EXPECT_GE(asked_before, kRead);
  fill(last + 1, last + 5);
  tell();
  fill(last + 6, last + 9);
  tell();
  EXPECT_EQ(asked(), asked_before);
  EXPECT_EQ(one->told(), told(1, last + 9));
  world_.now_ms += 1000;
  fill(last + 10, last + 10);
  tell();
  EXPECT_EQ(asked(), asked_before + 2) << "proof that they continue what was read, and this one too";
  EXPECT_EQ(one->told(), told(1, last + 10));
}

TEST_F(StreamLaneRepliesTest, ThatAreFullProveNothing) {
  auto one = reader();
  const std::uint64_t last = rush();
  fill(last + 1, last + 16 + 3);
  stream().model.trim_to(16);
  tell();
  EXPECT_EQ(one->told(),
            both(told(1, last), both({"reset trimmed @" + std::to_string(last + 3) + "-18446744073709551615"}, told(last + 4, last + 19))));
}

TEST_F(StreamLaneRepliesTest, ThatComeLateOrTwiceAreReadAnew) {
  auto one = reader();
  const std::uint64_t last = rush();
  fill(last + 1, last + 5);
  const auto first = world_.read_lane("news");
  fill(last + 6, last + 9);
  const auto both_of_them = world_.read_lane("news");
  world_.tell(first);
  world_.tell(both_of_them);
  world_.tell(first);
  world_.exchange();
  EXPECT_EQ(one->told(), told(1, last + 9));
  EXPECT_EQ(world_.logger.count(LogLevel::error), 0u);
}

TEST_F(StreamLaneRepliesTest, OfAHistoryThatEndedAreNotTaken) {
  auto one = reader();
  const std::uint64_t last = rush();
  fill(last + 1, last + 2);
  const auto reply = world_.read_lane("news");  // on its way
  stream() = {};
  fill(1, 10);
  ring_and_read();
  const Told before = both(told(1, last), {"reset ahead @10-0"});
  ASSERT_EQ(one->told(), before);
  world_.tell(reply);
  world_.exchange();
  EXPECT_EQ(one->told(), before);
}

TEST_F(StreamLaneRepliesTest, AreNotBelievedWhileWhatWasReadIsInDoubt) {
  auto one = reader();
  const std::uint64_t last = rush();
  world_.cut();  // and the lane does not know yet
  stream() = {};
  fill(1, 10);
  fill(last + 1, last + 1);
  world_.tell(world_.read_lane("news"));
  world_.connect();
  world_.exchange();
  EXPECT_EQ(one->told(), both(told(1, last), both({"reset ahead @10-0"}, told(last + 1, last + 1))));
}

using StreamMadeAgainTest = StreamLaneRepliesTest;

TEST_F(StreamMadeAgainTest, IsFoundOutWithinASecondWhileRepliesRush) {
  auto one = reader();
  const std::uint64_t last = take();
  stream() = {};
  fill_anew(3, 10);
  fill_anew(last + 1, last + 1);
  tell();
  EXPECT_EQ(one->told(), both(told(1, last), told_anew(last + 1, last + 1))) << "it looks as if it went on";
  for (std::uint64_t i = 2; i <= 26; ++i) {
    world_.now_ms += 40;
    fill_anew(last + i, last + i);
    tell();
  }
  EXPECT_EQ(one->told(), both(both(told(1, last), told_anew(last + 1, last + 25)),
                              both(reset("ahead", 3), both(told_anew(3, 10), told_anew(last + 1, last + 26)))));
  world_.pass(31'000);
  EXPECT_EQ(one->told().size(), last + 25 + 1 + 8 + 26) << "nothing more";
}

TEST_F(StreamMadeAgainTest, IsFoundOutSoonAfterTheLastReply) {
  auto one = reader();
  const std::uint64_t last = take();
  stream() = {};
  fill_anew(3, 10);
  fill_anew(last + 1, last + 1);
  tell();
  world_.pass(1000);
  EXPECT_EQ(one->told(), both(both(told(1, last), told_anew(last + 1, last + 1)),
                              both(reset("ahead", 3), both(told_anew(3, 10), told_anew(last + 1, last + 1)))));
}

TEST_F(StreamMadeAgainTest, IsFoundOutByAnEntryOfTheSameIdAndGoesOnWhereItLeftTheOld) {
  auto one = reader();
  const std::uint64_t last = take();
  stream() = {};
  fill(1, 10);
  fill_anew(11, last + 1);
  tell();
  world_.pass(1000);
  EXPECT_EQ(one->told(), both(both(told(1, last), told_anew(last + 1, last + 1)), both({"reset ahead @10-0"}, told_anew(11, last + 1))));
}

TEST_F(StreamMadeAgainTest, IsFoundOutByTheBytesAloneWhenTheIdMightHaveBeenWithdrawn) {
  auto one = reader();
  const std::uint64_t last = take();
  stream() = {};
  fill_anew(1, last + 1);
  stream().model.withdraw({last - 1, 0});
  stream().model.withdraw({last, 0});
  tell();
  world_.pass(1000);
  EXPECT_EQ(one->told(), both(both(told(1, last), told_anew(last + 1, last + 1)),
                              both(reset("ahead", 1), both(told_anew(1, last - 2), told_anew(last + 1, last + 1)))));
}

TEST_F(StreamMadeAgainTest, IsFoundOutWhenItBeginsAfterTheLastThatWasProven) {
  auto one = reader();
  const std::uint64_t last = take();
  stream() = {};
  fill_anew(last - 1, last + 1);
  tell();
  world_.pass(1000);
  EXPECT_EQ(one->told(),
            both(both(told(1, last), told_anew(last + 1, last + 1)), both(reset("ahead", last - 1), told_anew(last - 1, last + 1))));
}

TEST_F(StreamMadeAgainTest, IsFoundOutAlsoWhenItIsGone) {
  auto one = reader();
  const std::uint64_t last = take();
  world_.server.streams.erase("news");
  world_.pass(1000);
  EXPECT_EQ(one->told(), both(told(1, last), {"reset deleted @0-0"}));
}

TEST_F(StreamMadeAgainTest, IsFoundOutWhenTheConnectionBrokeMeanwhile) {
  auto one = reader();
  const std::uint64_t last = take();
  stream() = {};
  fill_anew(3, 10);
  fill_anew(last + 1, last + 1);
  tell();
  world_.cut();
  world_.pass(2000);
  world_.connect();
  world_.exchange();
  EXPECT_EQ(one->told(), both(both(told(1, last), told_anew(last + 1, last + 1)),
                              both(reset("ahead", 3), both(told_anew(3, 10), told_anew(last + 1, last + 1)))));
}

TEST_F(StreamMadeAgainTest, IsBelievedOfAReplicaOnlyWhenItHasItsPrimary) {
  world_.server.be_replica("connect");
  auto one = reader();
  const std::uint64_t last = take();
  stream() = {};
  fill_anew(3, 10);
  fill_anew(last + 1, last + 1);
  tell();
  const Told before = both(told(1, last), told_anew(last + 1, last + 1));
  world_.pass(1500);
  EXPECT_EQ(one->told(), before);
  world_.server.be_replica("connected");
  world_.pass(10'000);
  EXPECT_EQ(one->told(), both(before, both(reset("ahead", 3), both(told_anew(3, 10), told_anew(last + 1, last + 1)))));
}

// A client of its past reads the new one before that is known.
TEST_F(StreamMadeAgainTest, HasNothingInCommonWithWhatWasReplayedOfIt) {
  fill(1, 5);
  auto one = reader();
  pass_check();
  const std::uint64_t last = rush(6) + 1;
  fill(last, last);
  tell();
  stream() = {};
  fill_anew(1, 4);
  fill_anew(last + 1, last + 1);
  tell();
  auto other = reader("0-0");
  EXPECT_EQ(other->told(), both(told_anew(1, 4), told_anew(last + 1, last + 1)));
  world_.pass(1000);
  EXPECT_EQ(one->told(), both(both(told(6, last), told_anew(last + 1, last + 1)),
                              both(reset("ahead", 1), both(told_anew(1, 4), told_anew(last + 1, last + 1)))));
}

using StreamSameTest = StreamLaneRepliesTest;

TEST_F(StreamSameTest, IsItAlsoWhenTheLastThatWasProvenIsTrimmed) {
  auto one = reader();
  std::uint64_t last = take();
  for (int burst = 0; burst < 40; ++burst) {
    world_.now_ms += 40;
    fill(last + 1, last + 15);
    last += 15;
    stream().model.trim_to(16);
    tell();
  }
  world_.pass(1000);
  EXPECT_EQ(one->told(), told(1, last));
}

TEST_F(StreamSameTest, IsItAlsoWhenTheLastThatWasProvenIsWithdrawn) {
  auto one = reader();
  const std::uint64_t last = take();
  stream().model.withdraw({last - 3, 0});
  world_.pass(1000);
  EXPECT_EQ(one->told(), told(1, last));
}

TEST_F(StreamSameTest, IsItAlsoWhenAllButTheNewestIsWithdrawnOrTrimmed) {
  auto one = reader();
  const std::uint64_t last = take();
  stream().model.withdraw({last - 3, 0});
  stream().model.withdraw({last - 1, 0});
  stream().model.trim_to(1);
  world_.pass(1000);
  EXPECT_EQ(one->told(), told(1, last));
}

TEST_F(StreamSameTest, IsItAlsoWhenTheConnectionBroke) {
  auto one = reader();
  const std::uint64_t last = take();
  world_.cut();
  fill(last + 1, last + 5);
  world_.pass(2000);
  world_.connect();
  world_.exchange();
  EXPECT_EQ(one->told(), told(1, last + 5));
}

TEST_F(StreamSameTest, IsProvenOnceAndNotAgain) {
  auto one = reader();
  take();
  const std::size_t asked_before = asked();
  world_.pass(5000);
  EXPECT_EQ(asked(), asked_before + 2);
  ring_and_read();
  EXPECT_EQ(asked(), asked_before + 3);
}

}  // namespace
}  // namespace sse
