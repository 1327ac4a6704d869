#include "keepalive_queues.hpp"

#include <gtest/gtest.h>

#include "fake_sink.hpp"

namespace sse {
namespace {

struct Silent {
  explicit Silent(std::uint64_t keepalive_ms) : options{SlowPolicy::close, keepalive_ms, 0}, subscriber(sink, options, reading, 0) {}

  SubscriberOptions options;
  test::FakeSink sink;
  ReadOptions reading;
  Subscriber subscriber;
};

TEST(KeepaliveQueues, WhoIsSilentForItsIntervalIsDueOnce) {
  KeepaliveQueues queues;
  Silent one(100);
  EXPECT_EQ(queues.next_due_ms(), UINT64_MAX);
  queues.touch(one.subscriber, 1000);
  EXPECT_EQ(queues.next_due_ms(), 1100u);
  EXPECT_EQ(queues.pop_due(1099), nullptr);
  EXPECT_EQ(queues.pop_due(1100), &one.subscriber);
  EXPECT_EQ(queues.pop_due(1100), nullptr);
  EXPECT_EQ(queues.next_due_ms(), UINT64_MAX);
}

TEST(KeepaliveQueues, AWriteStartsTheIntervalAnew) {
  KeepaliveQueues queues;
  Silent one(100);
  Silent two(100);
  queues.touch(one.subscriber, 1000);
  queues.touch(two.subscriber, 1010);
  queues.touch(one.subscriber, 1050);
  EXPECT_EQ(queues.next_due_ms(), 1110u);
  EXPECT_EQ(queues.pop_due(2000), &two.subscriber);
  EXPECT_EQ(queues.next_due_ms(), 1150u);
  EXPECT_EQ(queues.pop_due(2000), &one.subscriber);
}

TEST(KeepaliveQueues, ALongIntervalDoesNotHideAShortOne) {
  KeepaliveQueues queues;
  Silent slow(60000);
  Silent quick(10);
  queues.touch(slow.subscriber, 1000);
  queues.touch(quick.subscriber, 1001);
  EXPECT_EQ(queues.next_due_ms(), 1011u);
  EXPECT_EQ(queues.pop_due(1011), &quick.subscriber);
  EXPECT_EQ(queues.pop_due(1011), nullptr);
  EXPECT_EQ(queues.next_due_ms(), 61000u);
}

TEST(KeepaliveQueues, WithoutAnIntervalNothingIsEverDue) {
  KeepaliveQueues queues;
  Silent one(0);
  queues.touch(one.subscriber, 1000);
  EXPECT_EQ(queues.next_due_ms(), UINT64_MAX);
  EXPECT_EQ(queues.pop_due(UINT64_MAX), nullptr);
}

TEST(KeepaliveQueues, WhoIsGoneIsNotDue) {
  KeepaliveQueues queues;
  {
    Silent gone(100);
    queues.touch(gone.subscriber, 1000);
  }
  EXPECT_EQ(queues.next_due_ms(), UINT64_MAX);
  EXPECT_EQ(queues.pop_due(2000), nullptr);
}

}  // namespace
}  // namespace sse
