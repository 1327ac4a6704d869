#include "channel_log.hpp"

#include <gtest/gtest.h>
#include <algorithm>

#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace sse {
namespace {

class RecordingObserver final : public LogObserver {
 public:
  void fell_out(Subscription& subscription, const LogSegment& segment, std::uint64_t) override {
    EXPECT_GE(subscription.offset, segment.base);
    EXPECT_LT(subscription.offset, segment.end());
    fallen.push_back(&subscription);
    for (Subscription* leaving : also_leave) {
      log->detach(*leaving);
    }
  }

  std::vector<Subscription*> fallen;
  std::vector<Subscription*> also_leave;  // as the hub does it with all subscriptions of who is cut
  ChannelLog* log = nullptr;
};

// A log whose bound is for the test to set.
class BoundedLogTest : public ::testing::Test {
 protected:
  BoundedLogTest() { observer_.log = &log_; }
  ~BoundedLogTest() override {
    for (Subscription* subscription : {&one_, &two_, &three_}) {
      log_.detach(*subscription);
    }
  }

  void append(std::string_view frame, std::string_view id_within = {}) {
    const std::string_view id = id_within.empty() ? std::string_view() : frame.substr(frame.find(id_within), id_within.size());
    ++sequence_;
    log_.append(frame, id, sequence_, 1000 + sequence_);
    log_.validate();
  }

  // The frame comes when all before it were handed out.
  void append_alone(std::string_view frame) {
    log_.begin_round();
    visit_all();
    log_.end_round(1);
    append(frame);
  }

  // Everybody who is pending takes all there is; gives who they were.
  std::vector<Subscription*> visit_all() {
    std::vector<Subscription*> visited;
    while (Subscription* next = log_.next_pending()) {
      read_to(*next, log_.head());
      visited.push_back(next);
    }
    return visited;
  }

  void read_to(Subscription& subscription, std::uint64_t offset) {
    subscription.offset = offset;
    subscription.frame = log_.frames_before(offset);
  }

  bool round() {
    log_.begin_round();
    visit_all();
    const bool more = log_.end_round(1);
    log_.validate();
    return more;
  }

  MemoryMeter meter_;
  RecordingObserver observer_;
  ChannelLog log_{"news", Encoding(), observer_, meter_};
  std::uint64_t sequence_ = 0;
  Subscription one_;
  Subscription two_;
  Subscription three_;
};

class ChannelLogTest : public BoundedLogTest {
 protected:
  ChannelLogTest() { log_.raise_limits(0, 0); }
};

TEST_F(ChannelLogTest, BeginsEmpty) {
  EXPECT_EQ(log_.head(), 0u);
  EXPECT_EQ(log_.tail(), 0u);
  EXPECT_EQ(log_.bytes(), 0u);
  EXPECT_EQ(meter_.bytes, 0u);
  log_.validate();
}

TEST_F(ChannelLogTest, FramesAreContiguousInTheOrderOfArrival) {
  append("one");
  append("four");
  EXPECT_EQ(log_.head(), 7u);
  EXPECT_EQ(log_.frame_count(), 2u);
  const LogSegment& segment = log_.segment_at(0);
  EXPECT_EQ(std::string_view(segment.bytes->data(), segment.bytes->size()), "onefour");
  EXPECT_EQ(segment.frames[0].sequence, 1u);
  EXPECT_EQ(segment.frames[0].due_ms, 1001u);
  EXPECT_EQ(segment.frames[1].sequence, 2u);
  EXPECT_EQ(log_.segment_after(segment), nullptr);
}

TEST_F(ChannelLogTest, OffsetsAreFoundInFramesOfEverySize) {
  log_.attach(one_);
  std::mt19937 random(1);
  std::vector<std::uint64_t> ends;
  for (int i = 0; i < 3000; ++i) {
    const std::size_t size = i % 500 == 0 ? 70000 : 1 + random() % 300;
    append(std::string(size, 'x'));
    ends.push_back(log_.head());
  }
  std::uint64_t begin = 0;
  for (std::size_t i = 0; i < ends.size(); ++i) {
    for (const std::uint64_t offset : {begin, (begin + ends[i]) / 2, ends[i] - 1}) {
      const LogSegment& segment = log_.segment_at(offset);
      ASSERT_EQ(log_.frames_before(offset), i);
      const std::size_t index = segment.frame_at(offset);
      ASSERT_EQ(segment.first_frame + index, i);
      ASSERT_EQ(segment.frame_begin(index), begin) << "a frame spans two segments";
      ASSERT_EQ(segment.base + segment.frames[index].end, ends[i]);
    }
    begin = ends[i];
  }
  EXPECT_EQ(log_.frames_before(log_.head()), ends.size());
}

TEST_F(ChannelLogTest, SegmentsFollowEachOtherToTheHead) {
  for (int i = 0; i < 100; ++i) {
    append(std::string(1000, 'x'));
  }
  std::uint64_t offset = 0;
  std::size_t segments = 0;
  for (const LogSegment* segment = &log_.segment_at(0); segment != nullptr; segment = log_.segment_after(*segment)) {
    EXPECT_EQ(segment->base, offset);
    offset = segment->end();
    ++segments;
  }
  EXPECT_EQ(offset, log_.head());
  EXPECT_GT(segments, 3u);
}

TEST_F(ChannelLogTest, AQuietLogHoldsAKilobyteAndABusyOneFewLargePieces) {
  append("x");
  EXPECT_EQ(meter_.bytes, 1024 + sizeof(Frame));
  std::size_t segments = 0;
  for (int i = 0; i < 4000; ++i) {
    append(std::string(256, 'x'));
  }
  for (const LogSegment* segment = &log_.segment_at(0); segment != nullptr; segment = log_.segment_after(*segment)) {
    ++segments;
  }
  EXPECT_LT(segments, 30u);
  log_.attach(one_);
  round();
  append("x");
  EXPECT_EQ(meter_.bytes, 1024 + sizeof(Frame));
}

TEST_F(BoundedLogTest, MemoryIsAtMostTwiceTheBytesAndOneSegment) {
  std::mt19937 random(2);
  log_.raise_limits(500000, 0);
  for (int i = 0; i < 500; ++i) {
    append_alone(std::string(random() % 2 == 0 ? 1 : 1 + random() % 64000, 'x'));
    ASSERT_LE(meter_.bytes, 2 * log_.bytes() + 65536);
  }
}

TEST_F(ChannelLogTest, WhoAttachesStartsAtTheHead) {
  append("before");
  log_.attach(one_);
  EXPECT_TRUE(one_.attached);
  EXPECT_EQ(one_.offset, log_.head());
  EXPECT_EQ(one_.frame, 1u);
  EXPECT_EQ(log_.attached(), 1u);
  log_.detach(one_);
  EXPECT_FALSE(one_.attached);
  EXPECT_EQ(log_.attached(), 0u);
  log_.detach(one_);
  EXPECT_EQ(log_.attached(), 0u);
}

TEST_F(ChannelLogTest, ARoundVisitsEachOnce) {
  for (Subscription* subscription : {&one_, &two_, &three_}) {
    log_.attach(*subscription);
  }
  append("x");
  log_.begin_round();
  EXPECT_TRUE(log_.in_round());
  EXPECT_EQ(visit_all(), (std::vector<Subscription*>{&one_, &two_, &three_}));
  EXPECT_FALSE(log_.in_round());
  EXPECT_FALSE(log_.end_round(1));
}

TEST_F(ChannelLogTest, WhoJoinsDuringARoundIsVisitedInTheNext) {
  log_.attach(one_);
  append("x");
  log_.begin_round();
  log_.attach(two_);
  append("y");
  EXPECT_EQ(visit_all(), (std::vector<Subscription*>{&one_}));
  EXPECT_TRUE(log_.end_round(1));
  log_.validate();
  log_.begin_round();
  EXPECT_EQ(visit_all(), (std::vector<Subscription*>{&two_, &one_}));
  EXPECT_FALSE(log_.end_round(1));
}

TEST_F(ChannelLogTest, WhatAllHavePassedIsDroppedAtTheEndOfARound) {
  log_.attach(one_);
  append(std::string(5000, 'x'));
  append("x");
  EXPECT_EQ(log_.bytes(), 5001u);
  EXPECT_FALSE(round());
  EXPECT_EQ(log_.bytes(), 0u);
  EXPECT_EQ(log_.tail(), 5001u);
  EXPECT_EQ(meter_.bytes, 0u);
}

TEST_F(ChannelLogTest, WhatALaggardHasYetToReadIsKept) {
  log_.attach(one_);
  log_.attach(two_);
  append(std::string(2000, 'a'));
  append(std::string(2000, 'b'));
  append(std::string(2000, 'c'));
  read_to(two_, 2500);
  log_.lag(two_);
  EXPECT_FALSE(round());
  EXPECT_EQ(log_.tail(), 2000u);
  EXPECT_EQ(log_.segment_at(2500).bytes->data()[500], 'b');
  read_to(two_, 6000);
  log_.settle(two_);
  round();
  EXPECT_EQ(log_.bytes(), 0u);
}

TEST_F(ChannelLogTest, WhoLagsAtTheHeadKeepsWhatComesNext) {
  log_.attach(one_);
  log_.attach(two_);
  append(std::string(1500, 'a'));
  read_to(two_, 1500);
  log_.lag(two_);
  round();
  EXPECT_EQ(log_.bytes(), 0u);
  append(std::string(1500, 'b'));
  append(std::string(1500, 'c'));
  round();
  EXPECT_EQ(log_.tail(), 1500u);
}

TEST_F(ChannelLogTest, LaggardsAreNotVisited) {
  log_.attach(one_);
  log_.attach(two_);
  log_.lag(one_);
  append("x");
  log_.begin_round();
  EXPECT_EQ(visit_all(), (std::vector<Subscription*>{&two_}));
  log_.end_round(1);
  log_.settle(one_);
  log_.begin_round();
  EXPECT_EQ(visit_all(), (std::vector<Subscription*>{&two_, &one_}));
}

TEST_F(BoundedLogTest, TheBoundDropsTheOldestAndSaysWhoFellOut) {
  log_.raise_limits(10000, 0);
  log_.attach(one_);
  log_.attach(two_);
  log_.lag(one_);
  for (int i = 0; i < 5; ++i) {
    append_alone(std::string(2000, 'x'));
  }
  read_to(two_, 6000);
  log_.lag(two_);
  EXPECT_TRUE(observer_.fallen.empty());
  append_alone(std::string(2000, 'x'));
  EXPECT_EQ(observer_.fallen, (std::vector<Subscription*>{&one_}));
  EXPECT_LE(log_.bytes(), 10000u);
  for (int i = 0; i < 5; ++i) {
    append_alone(std::string(2000, 'x'));
  }
  EXPECT_EQ(observer_.fallen, (std::vector<Subscription*>{&one_, &two_}));
}

TEST_F(BoundedLogTest, WhatWasOfferedToNobodyYetIsKept) {
  log_.raise_limits(5000, 0);
  log_.attach(one_);
  for (int i = 0; i < 20; ++i) {
    append(std::string(2000, 'x'));
  }
  EXPECT_EQ(log_.bytes(), 40000u);
  EXPECT_FALSE(round());
  EXPECT_EQ(log_.bytes(), 0u);
}

TEST_F(BoundedLogTest, WhatWasOfferedIsBoundedAtTheEndOfTheRound) {
  log_.raise_limits(5000, 0);
  log_.attach(one_);
  log_.lag(one_);
  for (int i = 0; i < 20; ++i) {
    append(std::string(2000, 'x'));
  }
  EXPECT_TRUE(observer_.fallen.empty());
  round();
  EXPECT_EQ(observer_.fallen, (std::vector<Subscription*>{&one_}));
  EXPECT_LE(log_.bytes(), 5000u);
}

TEST_F(BoundedLogTest, EvenABurstHasABound) {
  log_.raise_limits(5000, 0);
  log_.attach(one_);
  for (int i = 0; i < 30; ++i) {
    append(std::string(100000, 'x'));
    EXPECT_LE(log_.bytes(), 5000u + 1024 * 1024);
  }
  EXPECT_GT(log_.bytes(), 900000u);
  EXPECT_LT(one_.offset, log_.tail());
}

TEST_F(BoundedLogTest, TheNewestFrameIsKeptHoweverLarge) {
  log_.raise_limits(1000, 0);
  log_.attach(one_);
  log_.lag(one_);
  append_alone(std::string(100000, 'x'));
  EXPECT_EQ(log_.bytes(), 100000u);
  round();  // everybody else has it
  EXPECT_EQ(log_.bytes(), 100000u);
  EXPECT_TRUE(observer_.fallen.empty());
  append_alone("y");
  EXPECT_EQ(observer_.fallen, (std::vector<Subscription*>{&one_}));
  EXPECT_EQ(log_.bytes(), 1u);
}

TEST_F(BoundedLogTest, SeveralMayLeaveWhenOneFellOut) {
  log_.raise_limits(5000, 0);
  for (Subscription* subscription : {&one_, &two_, &three_}) {
    log_.attach(*subscription);
    log_.lag(*subscription);
  }
  observer_.also_leave = {&one_, &two_, &three_};
  for (int i = 0; i < 4; ++i) {
    append_alone(std::string(2000, 'x'));
  }
  EXPECT_EQ(observer_.fallen, (std::vector<Subscription*>{&one_}));
  EXPECT_EQ(log_.attached(), 0u);
}

TEST_F(BoundedLogTest, ALaggardThatLeftIsNotTouchedWhenItsSegmentIsDropped) {
  log_.raise_limits(5000, 0);
  auto gone = std::make_unique<Subscription>();
  log_.attach(one_);
  log_.lag(one_);
  log_.attach(*gone);
  log_.lag(*gone);
  for (int i = 0; i < 2; ++i) {
    append_alone(std::string(2000, 'x'));
  }
  log_.detach(*gone);
  gone.reset();
  append_alone(std::string(2000, 'x'));
  EXPECT_EQ(observer_.fallen, (std::vector<Subscription*>{&one_}));
}

TEST_F(BoundedLogTest, BoundsOnlyGrowAndNoneIsTheLargest) {
  ChannelLog log("news", Encoding(), observer_, meter_);
  log.raise_limits(2000, 100);
  EXPECT_EQ(log.max_message_bytes(), 100u);
  log.raise_limits(8000, 50);
  EXPECT_EQ(log.max_message_bytes(), 100u);
  log.raise_limits(3000, 200);
  EXPECT_EQ(log.max_message_bytes(), 200u);
  // What it holds at most for a reader that takes nothing.
  const auto most_bytes = [&log, this] {
    log.attach(one_);
    log.lag(one_);
    std::size_t most = 0;
    for (int i = 0; i < 20; ++i) {
      log.append(std::string(1000, 'x'), {}, 1, 1);
      log.begin_round();
      log.end_round(1);
      most = std::max(most, log.bytes());
    }
    log.detach(one_);
    return most;
  };
  EXPECT_EQ(most_bytes(), 8000u);
  log.raise_limits(0, 0);
  EXPECT_EQ(log.max_message_bytes(), 0u);
  log.raise_limits(1, 1);
  EXPECT_EQ(log.max_message_bytes(), 0u);
  EXPECT_EQ(most_bytes(), 20000u);
}

TEST_F(ChannelLogTest, TheLastIdIsOfAFrameThatWasGivenWhole) {
  append("id: before\n", "before");
  log_.attach(one_);
  EXPECT_EQ(log_.last_id(one_).sequence, 0u);
  append("id: a\n", "a");
  append("id: b\n", "b");
  append("none");
  EXPECT_EQ(log_.last_id(one_).sequence, 0u);
  read_to(one_, 11 + 5);
  EXPECT_EQ(log_.last_id(one_).sequence, 0u);
  read_to(one_, 11 + 6);
  EXPECT_EQ(log_.last_id(one_).id, "a");
  EXPECT_EQ(log_.last_id(one_).sequence, 2u);
  read_to(one_, 11 + 12 + 1);
  EXPECT_EQ(log_.last_id(one_).id, "b");
  read_to(one_, log_.head());
  EXPECT_EQ(log_.last_id(one_).id, "b");
}

TEST_F(ChannelLogTest, TheLastIdIsKnownAfterItsFrameIsGone) {
  log_.attach(one_);
  append("id: a\n", "a");
  round();
  EXPECT_EQ(log_.bytes(), 0u);
  EXPECT_EQ(log_.last_id(one_).id, "a");
  for (int i = 0; i < 3; ++i) {
    append(std::string(2000, 'x'));
    read_to(one_, log_.tail() + 10);
    EXPECT_EQ(log_.last_id(one_).id, "a");
  }
}

TEST_F(ChannelLogTest, IdsFromBeforeASubscriptionAreNotItsOwn) {
  log_.attach(two_);
  log_.lag(two_);
  append("id: a\n", "a");
  log_.attach(one_);
  append(std::string(5000, 'x'));
  append(std::string(5000, 'x'));
  for (const std::uint64_t offset : {6u, 3000u, 5006u, 7000u, 10006u}) {
    read_to(one_, offset);
    EXPECT_EQ(log_.last_id(one_).sequence, 0u) << offset;
  }
}

TEST_F(ChannelLogTest, ItsMemoryGoesWithIt) {
  {
    ChannelLog log("news", Encoding(), observer_, meter_);
    log.raise_limits(0, 0);
    log.append("x", {}, 1, 1);
    EXPECT_NE(meter_.bytes, 0u);
  }
  EXPECT_EQ(meter_.bytes, 0u);
}

}  // namespace
}  // namespace sse
