// Positions of a durable channel in its log: who stands where, and what the log can tell of what comes next.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "channel_log.hpp"

namespace sse {
namespace {

struct ParkingObserver final : LogObserver {
  void fell_out(Subscription& subscription, const LogSegment& segment, std::uint64_t) override {
    EXPECT_GE(subscription.offset, segment.base);
    EXPECT_LT(subscription.offset, segment.end());
    subscription.log->detach(subscription);
    fallen.push_back(&subscription);
  }
  std::vector<Subscription*> fallen;
};

class ChannelEpochTest : public ::testing::Test {
 protected:
  ChannelEpochTest() { log_.raise_limits(0, 0); }
  ~ChannelEpochTest() override { log_.detach(one_); }

  void append(std::uint64_t ms, std::uint64_t hash, std::size_t bytes = 10) {
    log_.append_entry(std::string(bytes, 'x'), {{ms, 0}, hash}, ++sequence_, 1);
    log_.validate();
  }
  void append_all(std::uint64_t from, std::uint64_t to, std::size_t bytes = 10) {
    for (std::uint64_t i = from; i <= to; ++i) {
      append(i, 100 + i, bytes);
    }
  }
  void round() {
    log_.begin_round();
    while (Subscription* next = log_.next_pending()) {
      next->offset = log_.head();
      next->frame = log_.frame_count();
    }
    log_.end_round(1);
  }
  std::optional<std::uint64_t> frame_after(std::uint64_t ms, std::uint64_t seq = 0) const {
    const auto place = log_.place_after({ms, seq});
    return place ? std::optional<std::uint64_t>(place->frame) : std::nullopt;
  }
  void attach_at(std::uint64_t ms) {
    one_.log = &log_;
    log_.attach(one_, log_.place_after({ms, 0}).value());
  }

  ParkingObserver observer_;
  MemoryMeter meter_;
  ChannelLog log_{"news", Encoding(), observer_, meter_, Retention::newest};
  Subscription one_;
  std::uint64_t sequence_ = 0;
};

TEST_F(ChannelEpochTest, OnlyIdsThatWentThroughItHaveAPlace) {
  log_.begin_epoch({10, 0});
  append(12, 1);
  append(14, 2);
  EXPECT_EQ(frame_after(10), 0u);
  EXPECT_EQ(frame_after(12), 1u);
  EXPECT_EQ(frame_after(14), 2u);
  for (const std::uint64_t ms : {0U, 9U, 11U, 13U, 15U}) {
    EXPECT_EQ(frame_after(ms), std::nullopt) << ms;
  }
  EXPECT_EQ(frame_after(12, 1), std::nullopt);
}

TEST_F(ChannelEpochTest, AnEmptyLogKnowsWhatFollowsItsPosition) {
  EXPECT_EQ(frame_after(0), 0u);
  log_.begin_epoch({7, 0});
  EXPECT_EQ(frame_after(7), 0u);
  EXPECT_EQ(frame_after(0), std::nullopt);
  EXPECT_EQ(log_.position(), (StreamId{7, 0}));
  EXPECT_EQ(log_.oldest_position(), (StreamId{7, 0}));
}

TEST_F(ChannelEpochTest, APlaceIsBehindTheResetOfItsPosition) {
  log_.begin_epoch({5, 0});
  append(5, 0);  // the reset
  append(6, 1);
  append(6, 0);  // left out as too large, say
  EXPECT_EQ(frame_after(5), 1u);
  EXPECT_EQ(frame_after(6), 3u);
}

TEST_F(ChannelEpochTest, AnEpochHasNoPlaceForAnothersIds) {
  append_all(1, 10);
  log_.begin_epoch({4, 0});
  EXPECT_EQ(frame_after(4), 10u);
  append(5, 0);
  append(20, 1);
  EXPECT_EQ(frame_after(4), 10u);
  EXPECT_EQ(frame_after(5), 11u);
  for (const std::uint64_t ms : {0U, 3U, 6U, 10U}) {
    EXPECT_EQ(frame_after(ms), std::nullopt) << ms;
  }
  EXPECT_EQ(log_.hash_of({3, 0}), std::nullopt);
  EXPECT_EQ(log_.hash_of({20, 0}), 1u);
  EXPECT_EQ(log_.oldest_position(), (StreamId{4, 0}));
}

TEST_F(ChannelEpochTest, AHashIsOfAnEntryNotOfAReset) {
  append(1, 11);
  append(2, 0);
  EXPECT_EQ(log_.hash_of({1, 0}), 11u);
  EXPECT_EQ(log_.hash_of({2, 0}), std::nullopt);
  EXPECT_EQ(log_.hash_of({3, 0}), std::nullopt);
  EXPECT_EQ(log_.hash_of({0, 0}), std::nullopt);
}

TEST_F(ChannelEpochTest, EachFrameKnowsThePositionBeforeIt) {
  append_all(1, 300, 100);  // several segments
  EXPECT_EQ(log_.position_before(0), kFirstStreamId);
  for (std::uint64_t frame = 1; frame <= 300; ++frame) {
    EXPECT_EQ(log_.position_before(frame), (StreamId{frame, 0}));
  }
  log_.begin_epoch({77, 0});
  EXPECT_EQ(log_.position_before(300), (StreamId{77, 0}));
  append(78, 1);
  EXPECT_EQ(log_.position_before(300), (StreamId{77, 0}));
  EXPECT_EQ(log_.position_before(301), (StreamId{78, 0}));
}

TEST_F(ChannelEpochTest, WhatWasDroppedHasNoPlace) {
  log_.raise_limits(0, 0);
  append_all(1, 300, 100);
  round();
  log_.shrink_window(10'000);
  const StreamId oldest = log_.oldest_position();
  EXPECT_GT(oldest.ms, 100u);
  EXPECT_LE(log_.bytes(), 10'000u);
  EXPECT_EQ(frame_after(oldest.ms), oldest.ms);
  EXPECT_EQ(frame_after(oldest.ms - 1), std::nullopt);
  EXPECT_EQ(frame_after(0), std::nullopt);
  EXPECT_EQ(frame_after(300), 300u);
  log_.shrink_window(0);
  EXPECT_EQ(log_.bytes(), 0u);
  EXPECT_EQ(frame_after(300), 300u);
  EXPECT_EQ(log_.oldest_position(), (StreamId{300, 0}));
}

TEST_F(ChannelEpochTest, WhoAttachesAtAPlaceIsDueWhatComesAfterIt) {
  append_all(1, 50);
  attach_at(20);
  EXPECT_EQ(one_.offset, 200u);
  EXPECT_EQ(one_.frame, 20u);
  EXPECT_EQ(one_.joined, 20u);
  EXPECT_TRUE(is_due(one_));
  EXPECT_EQ(log_.attached(), 1u);
}

TEST_F(ChannelEpochTest, AWindowKeepsWhatALaggardHasYetToGet) {
  append_all(1, 50, 100);
  round();
  attach_at(20);
  log_.lag(one_);
  log_.shrink_window(0);
  EXPECT_LE(log_.tail(), one_.offset);
  EXPECT_GT(log_.tail(), 0u);
  log_.detach(one_);
  log_.shrink_window(0);
  EXPECT_EQ(log_.bytes(), 0u);
}

TEST_F(ChannelEpochTest, AWindowGoesWithTheLaggardThatWasPushedOut) {
  attach_at(0);
  log_.lag(one_);
  append_all(1, 20, 1000);
  round();
  EXPECT_GT(log_.bytes(), 19000u);
  log_.push_out(one_, 1);
  EXPECT_EQ(observer_.fallen, std::vector<Subscription*>{&one_});
  EXPECT_EQ(log_.bytes(), 0u);
  log_.validate();
}

TEST(BoundedWindowTest, ALaggardFallsOutWhenTheBoundIsReached) {
  ParkingObserver observer;
  MemoryMeter meter;
  ChannelLog log("news", Encoding(), observer, meter, Retention::newest);
  log.raise_limits(3000, 0);
  Subscription slow;
  slow.log = &log;
  log.attach(slow, log.place_after(kFirstStreamId).value());
  log.lag(slow);
  std::uint64_t at = 0;
  while (observer.fallen.empty() && at < 100) {
    ++at;
    log.append_entry(std::string(100, 'x'), {{at, 0}, at}, at, 1);
    log.begin_round();
    log.end_round(1);
  }
  EXPECT_EQ(observer.fallen, std::vector<Subscription*>{&slow});
  EXPECT_GE(at, 29u);
  EXPECT_LE(at, 45u);
  EXPECT_EQ(log.place_after(kFirstStreamId), std::nullopt);
}

// A log beside what it ought to be: all that was appended in this epoch, and what of it is left.
class EpochModel {
 public:
  explicit EpochModel(std::uint64_t seed) : random_(seed) {
    log_.raise_limits(std::vector<std::size_t>{0, 500, 5000}[below(3)], 0);
    for (Subscription& one : readers_) {
      one.log = &log_;
    }
  }
  ~EpochModel() {
    for (Subscription& one : readers_) {
      log_.detach(one);
    }
  }

  void step() {
    switch (below(8)) {
      case 0:
        if (below(10) == 0) {
          position_ = {below(1000), 0};
          log_.begin_epoch(position_);
          places_.clear();
          hashes_.clear();
          places_[position_] = {log_.head(), log_.frame_count()};
        }
        break;
      case 1:
        round();
        break;
      case 2:
        log_.shrink_window(below(2000));
        break;
      case 3: {
        Subscription& one = readers_[below(readers_.size())];
        const auto place = places_.lower_bound({below(static_cast<std::size_t>(position_.ms) + 2), 0});
        if (!one.attached && place != places_.end() && place->second.offset >= log_.tail()) {
          log_.attach(one, place->second);
        }
        break;
      }
      case 4: {
        Subscription& one = readers_[below(readers_.size())];
        if (one.attached && one.offset >= log_.tail()) {
          below(2) == 0 ? log_.lag(one) : log_.settle(one);
        } else {
          log_.detach(one);
        }
        break;
      }
      default:
        append();
    }
  }

  void check() {
    log_.validate();
    EXPECT_EQ(log_.position(), position_);
    for (const auto& [id, place] : places_) {
      const auto found = log_.place_after(id);
      // What is left may be asked for; from before the tail, nothing.
      ASSERT_EQ(found.has_value(), place.offset > log_.tail() || id == log_.oldest_position()) << to_string(id);
      if (found) {
        ASSERT_EQ(found->offset, place.offset) << to_string(id);
        ASSERT_EQ(found->frame, place.frame);
      }
      ASSERT_EQ(log_.place_after(id.next()), std::nullopt);
    }
    for (const auto& [id, hash] : hashes_) {
      const auto found = log_.hash_of(id);
      ASSERT_TRUE(!found || *found == hash);
      ASSERT_EQ(found.has_value(), hash != 0 && places_.at(id).offset > log_.tail()) << to_string(id);
    }
  }

  std::size_t drops = 0;

 private:
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }

  void append() {
    const bool is_reset = below(10) == 0;
    position_ = is_reset ? position_ : StreamId{position_.ms + 1 + below(3), 0};
    const std::uint64_t hash = is_reset ? 0 : 1 + random_() % 1000;
    const std::uint64_t tail = log_.tail();
    log_.append_entry(std::string(1 + below(150), 'x'), {position_, hash}, ++sequence_, 1);
    drops += log_.tail() != tail ? 1 : 0;
    places_[position_] = {log_.head(), log_.frame_count()};
    hashes_[position_] = hash;
  }

  void round() {
    log_.begin_round();
    while (Subscription* next = log_.next_pending()) {
      if (is_overrun(*next)) {
        log_.detach(*next);
      } else {
        next->offset = log_.head();
        next->frame = log_.frame_count();
      }
    }
    log_.end_round(1);
  }

  std::mt19937_64 random_;
  ParkingObserver observer_;
  MemoryMeter meter_;
  ChannelLog log_{"news", Encoding(), observer_, meter_, Retention::newest};
  std::vector<Subscription> readers_{4};
  StreamId position_;
  std::map<StreamId, LogPlace> places_{{kFirstStreamId, {0, 0}}};
  std::map<StreamId, std::uint64_t> hashes_;
  std::uint64_t sequence_ = 0;
};

TEST(ChannelEpochModelTest, APlaceIsGivenExactlyWhereNothingIsMissing) {
  std::size_t drops = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    EpochModel model(seed);
    for (int i = 0; i < 150; ++i) {
      SCOPED_TRACE("step " + std::to_string(i));
      model.step();
      model.check();
      if (::testing::Test::HasFailure()) {
        return;
      }
    }
    drops += model.drops;
  }
  EXPECT_GT(drops, 8u);
}

}  // namespace
}  // namespace sse
