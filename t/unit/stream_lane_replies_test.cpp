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
  // From now on, and for the rest of the second, its replies are taken. Entries up to the result.
  std::uint64_t rush() {
    for (std::uint64_t i = 1; i <= kRead; ++i) {
      fill(i, i);
      tell();
    }
    return kRead;
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
  EXPECT_EQ(asked(), asked_before + 1) << "proof that they continue what was read";
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

}  // namespace
}  // namespace sse
