// What all logs of a worker may hold together: Hub::set_memory_limit.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "delivery_fixture.hpp"

namespace sse {
namespace {

using test::FakeDeadline;
using test::Reader;
using test::ReaderOptions;
using test::slow_reset;
using test::text_event;

class MemoryLimitTest : public test::DeliveryTest {
 protected:
  static constexpr std::size_t kLimit = 40'000;

  MemoryLimitTest() { hub_.set_memory_limit(kLimit); }

  static ReaderOptions with(SlowPolicy slow) {
    ReaderOptions options;
    options.subscriber.slow = slow;
    return options;
  }

  // Its socket takes ten bytes more.
  std::unique_ptr<Reader> stuck_reader(PubsubTopic& topic, SlowPolicy slow = SlowPolicy::close) {
    auto reader = open_reader({&topic}, with(slow));
    reader->sink.room = 10;
    return reader;
  }

  void publish_and_flush(PubsubTopic& topic, std::size_t bytes, char fill = 'x') {
    ++now_ms_;
    publish(topic, std::string(bytes, fill));
    flush();
  }
};

TEST_F(MemoryLimitTest, BelowItNobodyIsTouched) {
  const auto one = stuck_reader(topic("a"));
  const auto two = stuck_reader(topic("b"));
  publish_and_flush(topic("a"), 19'000);
  publish_and_flush(topic("b"), 19'000);
  EXPECT_LE(hub_.memory().bytes, kLimit);
  EXPECT_FALSE(one->sink.aborted || two->sink.aborted);
}

TEST_F(MemoryLimitTest, WindowsOfTheLongestSilentChannelsGoBeforeASlowReader) {
  const auto slow = stuck_reader(topic("a"));
  ChannelLog quiet("quiet", Encoding(), hub_.log_observer(), hub_.memory(), Retention::newest);
  ChannelLog busy("busy", Encoding(), hub_.log_observer(), hub_.memory(), Retention::newest);
  for (ChannelLog* log : {&quiet, &busy}) {
    log->raise_limits(kLimit, 0);
    hub_.publish_entry(*log, std::string(12'000, 'x'), {{1, 0}, 1}, now_ms_);
  }
  flush();
  EXPECT_NE(quiet.bytes(), 0u);
  publish_and_flush(topic("a"), 19'000);
  EXPECT_EQ(quiet.bytes(), 0u);
  EXPECT_NE(busy.bytes(), 0u);
  EXPECT_FALSE(slow->sink.aborted);
}

TEST_F(MemoryLimitTest, AWindowThatAReaderHeldGoesAsSoonAsItDoesNot) {
  const auto slow = stuck_reader(topic("a"));
  const auto slower = stuck_reader(topic("b"));
  ChannelLog window("window", Encoding(), hub_.log_observer(), hub_.memory(), Retention::newest);
  window.raise_limits(kLimit, 0);
  Subscription holder;
  holder.log = &window;
  window.attach(holder);
  window.lag(holder);
  hub_.publish_entry(window, std::string(12'000, 'x'), {{1, 0}, 1}, now_ms_);
  publish_and_flush(topic("b"), 19'000);
  publish_and_flush(topic("a"), 12'000);
  EXPECT_EQ(slower->sink.aborted, CloseReason::slow);
  EXPECT_NE(window.bytes(), 0u);
  window.detach(holder);
  publish_and_flush(topic("a"), 17'000);
  EXPECT_EQ(window.bytes(), 0u);
  EXPECT_FALSE(slow->sink.aborted);
}

TEST_F(MemoryLimitTest, WhoseOldestByteIsOldestMakesRoomFirst) {
  const auto third = stuck_reader(topic("c"));
  const auto first = stuck_reader(topic("a"));
  const auto second = stuck_reader(topic("b"));
  publish_and_flush(topic("a"), 12'000);
  publish_and_flush(topic("b"), 12'000);
  publish_and_flush(topic("c"), 12'000);
  EXPECT_FALSE(first->sink.aborted);
  publish_and_flush(topic("c"), 12'000);  // 48,000: one has to go, down to seven eighths
  EXPECT_EQ(first->sink.aborted, CloseReason::slow);
  publish_and_flush(topic("c"), 12'000);
  EXPECT_EQ(second->sink.aborted, CloseReason::slow);
  EXPECT_FALSE(third->sink.aborted);
  EXPECT_EQ(hub_.counters().slow_closed, 2u);
  EXPECT_LE(hub_.memory().bytes, kLimit);
}

TEST_F(MemoryLimitTest, WhoKeepsUpLosesNothing) {
  std::vector<std::unique_ptr<Reader>> stuck;
  const auto quick = open_reader({&topic("a"), &topic("b")}, with(SlowPolicy::close));
  std::string expected;
  for (int i = 0; i < 100; ++i) {
    PubsubTopic& one = topic(i % 2 == 0 ? "a" : "b");
    stuck.push_back(stuck_reader(one, i % 3 == 0 ? SlowPolicy::skip : SlowPolicy::close));
    publish_and_flush(one, 5'000);
    expected += text_event(std::string(5'000, 'x'));
    EXPECT_LE(hub_.memory().bytes, kLimit);
  }
  EXPECT_EQ(quick->sink.bytes, expected);
  EXPECT_FALSE(quick->sink.aborted || quick->sink.ended);
}

TEST_F(MemoryLimitTest, WhoSkipsKeepsItsFrameAndIsTold) {
  const auto skips = stuck_reader(topic("a"), SlowPolicy::skip);
  publish_and_flush(topic("a"), 1'000, 'f');
  for (int i = 0; i < 10; ++i) {
    publish_and_flush(topic("a"), 10'000);
  }
  EXPECT_FALSE(skips->sink.aborted);
  EXPECT_LE(hub_.memory().bytes, kLimit);
  make_writable(*skips);
  publish_and_flush(topic("a"), 1, 'l');
  EXPECT_EQ(skips->sink.bytes, text_event(std::string(1'000, 'f')) + slow_reset("a") + text_event("l"));
  EXPECT_EQ(hub_.memory().bytes, 0u);
}

TEST_F(MemoryLimitTest, PinnedFramesCountAndWhoPinsTooMuchIsCut) {
  std::vector<std::unique_ptr<Reader>> pinning;
  for (int i = 0; i < 10; ++i) {
    PubsubTopic& one = topic("t" + std::to_string(i));
    pinning.push_back(stuck_reader(one, SlowPolicy::skip));
    publish_and_flush(one, 9'000);
    EXPECT_LE(hub_.memory().bytes, kLimit);
  }
  EXPECT_TRUE(pinning.front()->sink.aborted);
  EXPECT_FALSE(pinning.back()->sink.aborted);
}

TEST_F(MemoryLimitTest, BytesOfASingleReadersOwnCountAndWhoHasTooManyIsCut) {
  const auto reader = open_reader({&topic("a")}, with(SlowPolicy::skip));
  reader->sink.room = 0;
  hub_.tell(reader->subscriber, text_event(std::string(39'000, 'x')), now_ms_);
  flush();
  EXPECT_FALSE(reader->sink.aborted);
  hub_.tell(reader->subscriber, text_event(std::string(2'000, 'x')), now_ms_);
  flush();
  EXPECT_EQ(reader->sink.aborted, CloseReason::slow);
  EXPECT_EQ(hub_.memory().bytes, 0u);
}

TEST_F(MemoryLimitTest, WhatACutReaderWillLetGoOfCountsAsFree) {
  const auto first = stuck_reader(topic("a"));
  const auto second = stuck_reader(topic("a"));
  const SegmentRef in_flight = Segment::allocate(20'000, hub_.memory());  // in a filter, until the connection is closed
  first->sink.held_in_flight = 20'000;
  publish_and_flush(topic("a"), 22'000);
  EXPECT_TRUE(first->sink.aborted);
  EXPECT_FALSE(second->sink.aborted);
}

TEST_F(MemoryLimitTest, LeftoversOfWhoLeftGoBeforeAnybodyIsTouched) {
  struct : Leftovers {
    SegmentRef segment;
    std::size_t asked = 0;
    std::size_t let_go(std::size_t bytes) override {
      asked = bytes;
      return 30'000;
    }
  } leftovers;
  hub_.set_memory_limit(kLimit, &leftovers);
  leftovers.segment = Segment::allocate(30'000, hub_.memory());
  const auto stuck = stuck_reader(topic("a"));
  publish_and_flush(topic("a"), 9'000);
  EXPECT_EQ(leftovers.asked, 0u);
  publish_and_flush(topic("a"), 9'000);
  EXPECT_GT(leftovers.asked, 0u);
  EXPECT_FALSE(stuck->sink.aborted);
}

TEST_F(MemoryLimitTest, WhoHoldsNothingIsNotCut) {
  const auto at_head = open_reader({&topic("a")}, with(SlowPolicy::close));
  at_head->sink.holds_all = true;  // has copied all, and has no room for more
  const auto skips = open_reader({&topic("b")}, with(SlowPolicy::skip));
  skips->sink.room = 0;
  publish_and_flush(topic("a"), 1);
  publish_and_flush(topic("b"), 1);
  const SegmentRef of_others = Segment::allocate(kLimit, hub_.memory());
  publish_and_flush(topic("b"), 1);
  EXPECT_FALSE(at_head->sink.aborted);
  EXPECT_FALSE(skips->sink.aborted);
  EXPECT_EQ(hub_.counters().slow_skipped, 1u);
}

TEST_F(MemoryLimitTest, WhatIsKnownOfFramesCounts) {
  const auto stuck = stuck_reader(topic("a"));
  for (int i = 0; i < 1'000; ++i) {
    publish_and_flush(topic("a"), 1);
  }
  EXPECT_TRUE(stuck->sink.aborted) << "9 KB of frames, but more of what is known of them";
  EXPECT_EQ(hub_.memory().bytes, 0u);
}

TEST_F(MemoryLimitTest, AWorkerBehindItsBrokersIsBoundedToo) {
  constexpr std::size_t kLargerThanTwoSegments = 200'000;
  hub_.set_memory_limit(kLargerThanTwoSegments);
  const auto closes = open_reader({&topic("a")}, with(SlowPolicy::close));
  const auto skips = open_reader({&topic("b")}, with(SlowPolicy::skip));
  for (int i = 0; i < 40; ++i) {
    publish(topic("a"), std::string(10'000, 'x'));
    publish(topic("b"), std::string(10'000, 'x'));
  }
  FakeDeadline at_once(0);
  closes->sink.limit_bytes = skips->sink.limit_bytes = 10;
  closes->sink.room = skips->sink.room = 0;
  hub_.flush(at_once, now_ms_);
  EXPECT_LE(hub_.memory().bytes, kLargerThanTwoSegments);
  closes->sink.room = skips->sink.room = SIZE_MAX;
  flush();
  EXPECT_TRUE(closes->sink.ended || closes->sink.aborted);
  EXPECT_NE(skips->sink.bytes.find(slow_reset("b")), std::string::npos);
}

TEST_F(MemoryLimitTest, WhatAWorkerIsMostBehindWithMakesRoom) {
  constexpr std::size_t kLargerThanTwoSegments = 200'000;
  hub_.set_memory_limit(kLargerThanTwoSegments);
  const auto first = open_reader({&topic("a")});
  const auto of_little = open_reader({&topic("b")});
  const auto of_much = open_reader({&topic("c")});
  publish(topic("a"), "x");
  std::string little;
  for (int i = 0; i < 3; ++i) {
    publish(topic("b"), std::string(10'000, 'x'));
    little += text_event(std::string(10'000, 'x'));
  }
  for (int i = 0; i < 40; ++i) {
    publish(topic("c"), std::string(10'000, 'x'));
  }
  FakeDeadline at_once(0);
  hub_.flush(at_once, now_ms_);
  EXPECT_LE(hub_.memory().bytes, kLargerThanTwoSegments);
  flush();
  EXPECT_EQ(of_little->sink.bytes, little);
  EXPECT_TRUE(of_much->sink.ended);
}

TEST_F(MemoryLimitTest, WithoutALimitNobodyMakesRoom) {
  hub_.set_memory_limit(0);
  const auto stuck = stuck_reader(topic("a"));
  publish_and_flush(topic("a"), 10 * kLimit);
  EXPECT_FALSE(stuck->sink.aborted);
}

}  // namespace
}  // namespace sse
