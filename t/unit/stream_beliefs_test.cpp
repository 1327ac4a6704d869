// What a worker may believe of a stream without asking, and what it has to ask for first.
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>

#include "stream_fixture.hpp"

namespace sse {
namespace {

using test::DurableReader;
using test::ReaderChoice;
using test::Told;

class StreamBeliefsTest : public test::StreamFixture {
 protected:
  void publish(std::uint64_t from, std::uint64_t to) {
    for (std::uint64_t i = from; i <= to; ++i) {
      world_.publish("news", {i, 0}, "e" + std::to_string(i));
    }
  }
  void fork_at(std::uint64_t id) {
    stream() = {};
    fill(1, id);
    stream().add({50, 0}, "other50");
  }
  // Before any answer of Redis.
  std::unique_ptr<DurableReader> opened(std::string_view cursor) {
    auto made = world_.reader({"news"}, {}, cursor);
    made->stop_waiting();
    world_.flush();
    return made;
  }
};

TEST_F(StreamBeliefsTest, AWindowAnswersWhileRedisIsAwayAndIsCheckedAfterwards) {
  auto one = reader();
  publish(1, 10);
  world_.cut();
  auto two = opened("5-0");
  EXPECT_EQ(two->told(), told(6, 10));
  fork_at(8);
  world_.connect();
  world_.exchange();
  EXPECT_EQ(two->told(), both(told(6, 10), {"reset ahead @8-0", "other50 @50-0"}));
}

TEST_F(StreamBeliefsTest, AWindowDoesNotAnswerBetweenAReconnectAndItsFirstAnswer) {
  auto one = reader();
  publish(1, 10);
  world_.cut();
  fork_at(6);
  world_.connect();
  world_.to_server();
  world_.to_session();  // logged in
  auto two = opened("5-0");
  EXPECT_EQ(two->told(), Told());
  world_.exchange();
  EXPECT_EQ(two->told(), (Told{"e6 @6-0", "other50 @50-0"}));
}

TEST_F(StreamBeliefsTest, AWindowDoesNotAnswerWhileALaneWasAway) {
  auto one = reader();
  publish(1, 10);
  fork_at(6);
  world_.ring("news");
  auto two = opened("5-0");
  EXPECT_EQ(two->told(), Told());
  world_.exchange();
  EXPECT_EQ(two->told(), (Told{"e6 @6-0", "other50 @50-0"}));
}

TEST_F(StreamBeliefsTest, AnAnswerIsAsOldAsItsQuestion) {
  auto one = reader();
  publish(1, 10);
  world_.ring("news");
  world_.to_server();
  world_.now_ms += 1001;
  world_.exchange();
  fork_at(6);
  auto two = opened("5-0");
  EXPECT_EQ(two->told(), Told());
  world_.exchange();
  EXPECT_EQ(two->told(), (Told{"e6 @6-0", "other50 @50-0"}));
}

TEST_F(StreamBeliefsTest, WhoComesNewGetsNothingOfWhatWasThereBefore) {
  fill(1, 3);
  auto one = reader();
  world_.ring("news");
  world_.to_server();  // answered, and the answer is on its way
  fill(4, 5);
  auto two = world_.reader({"news"});
  world_.exchange();
  EXPECT_EQ(two->take(), "id: 5-0\n\n");
  EXPECT_EQ(one->told(), told(4, 5));
}

TEST_F(StreamBeliefsTest, AForkIsFoundHoweverFarBackItIs) {
  auto one = reader();
  for (std::uint64_t i = 1; i <= 400; i += 8) {
    fill(i, i + 7);
    ring_and_read();
  }
  fork_at(100);
  for (std::uint64_t i = 101; i < 400; ++i) {
    stream().add({i, 1}, "other");
  }
  world_.pass(62'000);
  const Told given = one->told();
  ASSERT_GT(given.size(), 400u);
  EXPECT_EQ(given[400], "reset ahead @100-0");
}

// Who is still to get what the fork has taken back does not get it, and has lost nothing.
TEST_F(StreamBeliefsTest, WhoHasNotGotWhatAForkTookBackIsNotToldOfIt) {
  auto one = reader();
  auto slow = reader();
  publish(1, 5);
  slow->sink.room = 0;
  publish(6, 10);
  fork_at(7);
  ring_and_read();
  slow->make_writable();
  world_.exchange();
  EXPECT_EQ(slow->told(), both(told(1, 7), {"other50 @50-0"}));
  EXPECT_EQ(one->told(), both(told(1, 10), {"reset ahead @7-0", "other50 @50-0"}));
}

// Entries that fit one by one, and not together in one answer.
TEST_F(StreamBeliefsTest, EntriesOfAnAnswerThatIsTooLargeComeInTheNext) {
  ReaderChoice choice;
  choice.max_message_bytes = 200'000;
  const auto data = [](std::uint64_t i) { return std::string(90'000, static_cast<char>('a' + i % 20)); };
  const auto add = [&](std::uint64_t from, std::uint64_t to) {
    for (std::uint64_t i = from; i <= to; ++i) {
      stream().add({i, 0}, data(i));
    }
  };
  add(1, 40);
  auto back = reader("1-0", choice);  // nobody knows yet how large they are
  ASSERT_EQ(back->events().size(), 39u);
  for (std::uint64_t i = 2; i <= 40; ++i) {
    EXPECT_EQ(back->events()[i - 2].data, data(i)) << i;
  }
  stream("orders").add({41, 0}, "small");
  auto live = world_.reader({"orders"}, choice);
  world_.exchange();
  for (std::uint64_t i = 42; i <= 80; ++i) {
    stream("orders").add({i, 0}, data(i));
  }
  world_.ring("orders");
  world_.exchange();
  ASSERT_EQ(live->events().size(), 39u);
  for (std::uint64_t i = 42; i <= 80; ++i) {
    EXPECT_EQ(live->events()[i - 42].data, data(i)) << i;
  }
  EXPECT_EQ(world_.hub.counters().resets, 0u);
  EXPECT_EQ(world_.hub.counters().messages_too_large, 0u);
}

}  // namespace
}  // namespace sse
