#include "send_group.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "delivery_fixture.hpp"

namespace sse {
namespace {

using test::DeliveryTest;
using test::Reader;
using test::ReaderOptions;
using test::text_event;

class GroupedDelivery : public DeliveryTest {
 protected:
  GroupedDelivery() { hub_.set_group_sender(&sender_); }

  std::unique_ptr<Reader> joining_reader(std::initializer_list<PubsubTopic*> topics, const ReaderOptions& options = {}) {
    auto reader = open_reader(topics, options);
    reader->sink.joins_groups = true;
    return reader;
  }

  std::vector<std::unique_ptr<Reader>> joining_readers(std::size_t count, PubsubTopic& topic) {
    std::vector<std::unique_ptr<Reader>> readers;
    for (std::size_t i = 0; i < count; ++i) {
      readers.push_back(joining_reader({&topic}));
    }
    return readers;
  }

  test::FakeGroupSender sender_;
};

TEST_F(GroupedDelivery, SendsToAllByOneCall) {
  const auto readers = joining_readers(3, topic("a"));
  publish(topic("a"), "1");
  publish(topic("a"), "2");
  flush();
  EXPECT_EQ(sender_.sizes, std::vector<std::size_t>{3});
  for (const auto& reader : readers) {
    EXPECT_EQ(reader->sink.bytes, text_event("1") + text_event("2"));
    EXPECT_EQ(reader->subscriber.events_sent(), 2u);
  }
  EXPECT_EQ(hub_.counters().sends, 3u);
  EXPECT_EQ(readers[0]->log().bytes(), 0u);
}

TEST_F(GroupedDelivery, SendsAGroupThatIsFull) {
  const auto readers = joining_readers(2 * SendGroup::kMaxSends + 1, topic("a"));
  publish(topic("a"), "1");
  flush();
  EXPECT_EQ(sender_.sizes, (std::vector<std::size_t>{SendGroup::kMaxSends, SendGroup::kMaxSends, 1}));
}

TEST_F(GroupedDelivery, SendsAGroupThatHoldsManyBytes) {
  const auto readers = joining_readers(5, topic("a"));
  for (const auto& reader : readers) {
    reader->sink.limit_bytes = SendGroup::kManyBytes;
  }
  publish(topic("a"), std::string(SendGroup::kManyBytes / 2, 'x'));
  flush();
  EXPECT_EQ(sender_.sizes, (std::vector<std::size_t>{2, 2, 1}));
}

TEST_F(GroupedDelivery, SendsNothingLaterThanTheSliceEnds) {
  const auto readers = joining_readers(6, topic("a"));
  publish(topic("a"), "1");
  test::FakeDeadline deadline(2);
  EXPECT_TRUE(hub_.flush(deadline, now_ms_));
  EXPECT_EQ(sender_.sizes, std::vector<std::size_t>{3});
  flush();
  EXPECT_EQ(sender_.sizes, (std::vector<std::size_t>{3, 3}));
}

TEST_F(GroupedDelivery, AShortSendLeavesTheRestForLater) {
  const auto readers = joining_readers(3, topic("a"));
  readers[1]->sink.room = 9;
  publish(topic("a"), "1");
  publish(topic("a"), "2");
  flush();
  EXPECT_EQ(readers[0]->sink.bytes, text_event("1") + text_event("2"));
  EXPECT_EQ(readers[1]->sink.bytes, (text_event("1") + text_event("2")).substr(0, 9));
  EXPECT_EQ(readers[2]->sink.bytes, text_event("1") + text_event("2"));
  make_writable(*readers[1]);
  EXPECT_EQ(readers[1]->sink.bytes, text_event("1") + text_event("2"));
}

TEST_F(GroupedDelivery, WhatOneSendDoesNotHoldFollowsAtOnce) {
  const auto reader = joining_reader({&topic("a")});
  reader->sink.limit_bytes = 10;
  publish(topic("a"), "more than ten bytes");
  flush();
  EXPECT_EQ(reader->sink.bytes, text_event("more than ten bytes"));
}

TEST_F(GroupedDelivery, ABrokenConnectionIsCutAndHarmsNoOther) {
  const auto readers = joining_readers(3, topic("a"));
  readers[1]->sink.broken = true;
  publish(topic("a"), "1");
  flush();
  EXPECT_EQ(readers[1]->sink.aborted, CloseReason::client);
  EXPECT_EQ(readers[0]->sink.bytes, text_event("1"));
  EXPECT_EQ(readers[2]->sink.bytes, text_event("1"));
}

TEST_F(GroupedDelivery, WhoCannotJoinIsSentToAlone) {
  const auto joins = joining_readers(2, topic("a"));
  const auto alone = open_reader({&topic("a")});
  publish(topic("a"), "1");
  flush();
  EXPECT_EQ(sender_.sizes, std::vector<std::size_t>{2});
  EXPECT_EQ(alone->sink.bytes, text_event("1"));
}

TEST_F(GroupedDelivery, PiecesOfTwoChannelsAreOneSendAlone) {
  const auto reader = joining_reader({&topic("a"), &topic("b")});
  publish(topic("a"), "1");
  publish(topic("b"), "2");
  flush();
  EXPECT_TRUE(sender_.sizes.empty());
  EXPECT_EQ(reader->sink.sends.size(), 1u);
  EXPECT_EQ(reader->sink.bytes, text_event("1") + text_event("2"));
}

TEST_F(GroupedDelivery, KeepalivesGoTogether) {
  ReaderOptions options;
  options.subscriber.keepalive_ms = 1000;
  std::vector<std::unique_ptr<Reader>> readers;
  for (int i = 0; i < 3; ++i) {
    readers.push_back(joining_reader({&topic("a")}, options));
  }
  now_ms_ += 1000;
  flush();
  EXPECT_EQ(sender_.sizes, std::vector<std::size_t>{3});
  for (const auto& reader : readers) {
    EXPECT_EQ(reader->sink.bytes, test::kKeepaliveFrame);
  }
  EXPECT_EQ(hub_.memory().bytes, 0u);
}

TEST_F(GroupedDelivery, WhoIsToldSomethingWhenItsKeepaliveIsDueGetsBothOnce) {
  ReaderOptions options;
  options.subscriber.keepalive_ms = 1000;
  const auto reader = joining_reader({&topic("a")}, options);
  now_ms_ += 1000;
  hub_.tell(reader->subscriber, text_event("told"), now_ms_);
  flush();
  EXPECT_EQ(reader->sink.bytes, text_event("told") + std::string(test::kKeepaliveFrame));
}

TEST_F(GroupedDelivery, WhoWasLeftBehindEndsAtOnce) {
  ReaderOptions options;
  options.reading.buffer_bytes = 1000;
  const auto reader = joining_reader({&topic("a")}, options);
  for (int i = 0; i < 100; ++i) {
    publish(topic("a"), std::string(60000, 'x'));
  }
  flush();
  EXPECT_EQ(reader->sink.ended, CloseReason::slow);
  EXPECT_TRUE(sender_.sizes.empty());
}

}  // namespace
}  // namespace sse
