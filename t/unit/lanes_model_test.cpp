// Random lives of lanes: whatever happens, each stream hears of its entries, is in one lane at most, and no stranger is unblocked. A
// failure names its seed and step.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "lane_world.hpp"
#include "lanes.hpp"

namespace sse {
namespace {

using test::LaneWorld;
using Member = LaneWorld::Member;

constexpr std::array<const char*, 3> kPassing = {"LOADING now", "UNBLOCKED now", "MASTERDOWN now"};
constexpr std::uint64_t kPromptMs = 80;      // for an entry to be heard, when all is well
constexpr std::uint64_t kRecoveryMs = 3000;  // after trouble, the longest pause included

class Life {
 public:
  Life(std::uint64_t seed, bool may_unblock)
      : random_(seed),
        options_(LaneWorld::small(2 + below(12), 1 + below(4), below(4))),
        world_(with_seed(options_, seed)),
        stream_count_(2 + below(40)) {
    if (!may_unblock) {
      world_.redis.unblock_error = "NOPERM no permission to run 'client|unblock'";
    }
  }

  void live(int steps) {
    for (int i = 0; i < steps && !::testing::Test::HasFailure(); ++i) {
      step();
      world_.validate(options_);
      if (once_in(60)) {
        settle();
      }
    }
    settle();
    EXPECT_EQ(world_.redis.unblocked_strangers, std::vector<std::int64_t>());
    EXPECT_TRUE(world_.failures.empty());
  }

  std::size_t hot_seen = 0;
  std::size_t bells = 0;
  std::size_t reads = 0;
  std::size_t unblocks = 0;

 private:
  static LanesOptions with_seed(LanesOptions options, std::uint64_t seed) {
    options.seed = static_cast<std::uint32_t>(seed);
    return options;
  }

  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }
  bool once_in(std::size_t n) { return below(n) == 0; }
  std::string key() { return "s" + std::to_string(below(stream_count_)); }
  LaneWorld::Connection* connection() {
    return world_.connections.empty() ? nullptr : world_.connections[below(world_.connections.size())];
  }
  Member* member() { return world_.members.empty() ? nullptr : world_.members[below(world_.members.size())].get(); }

  void step() {
    world_.members_read = false;
    switch (below(22)) {
      case 0:
      case 1:
      case 2:
      case 3:
        world_.xadd(key());
        break;
      case 4:
        for (std::size_t i = below(40); i > 0; --i) {
          world_.xadd("s0");
        }
        break;
      case 5:
      case 6:
        come();
        break;
      case 7:
        if (Member* one = member()) {
          once_in(2) ? world_.forget(*one) : world_.lanes.remove(*one, world_.now_ms);
        }
        break;
      case 8:
        if (Member* one = member()) {
          one->largest = below(3) * 200000;
          one->at = once_in(3) ? StreamId() : one->at;
          if (one->refusal.empty()) {
            world_.lanes.add(*one, world_.now_ms);
          }
        }
        break;
      case 9:
        go_on(below(30));
        break;
      case 10:
        go_on(once_in(5) ? below(12000) : below(5));
        break;
      case 11:
        world_.pass(below(20));
        break;
      case 12:
      case 13:
        if (LaneWorld::Connection* one = connection()) {
          world_.to_server(*one, once_in(2) ? SIZE_MAX : below(200));
        }
        break;
      case 14:
      case 15:
        if (LaneWorld::Connection* one = connection()) {
          world_.to_session(*one, once_in(2) ? SIZE_MAX : below(200));
        }
        break;
      case 16:
        once_in(2) ? world_.commands_to_server() : world_.commands_to_session();
        break;
      case 17:
        world_.connect();
        world_.tick();
        break;
      case 18:
        if (Member* one = member(); one != nullptr && one->wants_read) {
          one->read_all();
        }
        break;
      case 19:
        if (LaneWorld::Connection* one = connection()) {
          world_.notice(*one);
        }
        break;
      case 20:
        world_.notice_command();
        break;
      default:
        if (once_in(4)) {
          is_troubled_ = true;
          trouble();
        }
    }
  }

  void come() {
    const std::string name = key();
    const auto found = std::find_if(world_.members.begin(), world_.members.end(), [&](const auto& one) { return one->key() == name; });
    Member& one = found == world_.members.end() ? world_.member(name) : **found;
    if (Lane::of(one) == nullptr && one.refusal.empty()) {
      one.at = world_.redis.last_id(name);  // it has joined
      one.wants_read = false;
      world_.lanes.add(one, world_.now_ms);
    }
  }

  void go_on(std::uint64_t ms) {
    world_.now_ms += ms;
    world_.redis.pass_time(world_.now_ms);
  }

  void trouble() {
    switch (below(7)) {
      case 0:
        if (LaneWorld::Connection* one = connection()) {
          world_.cut_silently(*one);
        }
        break;
      case 1:
        world_.cut_command_silently();
        break;
      case 2:
        world_.redis.wrong_types.insert(key());
        break;
      case 3:
        world_.redis.forbidden.insert(key());
        break;
      case 4:
        world_.redis.sickness = kPassing[below(kPassing.size())];
        break;
      case 5:
        world_.lanes.connection_lost();  // the subscription's
        break;
      default:
        restart();
    }
  }

  // The ids of before belong to others now; who was connected learns of it one by one.
  void restart() {
    for (LaneWorld::Connection* one : world_.connections) {
      world_.cut_silently(*one);
    }
    world_.cut_command_silently();
    world_.redis.restart();
    for (std::size_t i = below(60); i > 0; --i) {
      world_.redis.connect_stranger();
    }
  }

  // Trouble ends, and everybody knows everything in time.
  void settle() {
    if (is_troubled_) {
      world_.redis.wrong_types.clear();
      world_.redis.forbidden.clear();
      world_.redis.sickness.clear();
      for (LaneWorld::Connection* one : world_.connections) {
        world_.notice(*one);
      }
      world_.notice_command();
      for (const auto& one : world_.members) {
        if (!one->refusal.empty()) {
          one->refusal.clear();
          EXPECT_EQ(Lane::of(*one), nullptr);
          world_.lanes.add(*one, world_.now_ms);
        }
      }
    }
    world_.members_read = true;
    world_.pass(is_troubled_ ? kRecoveryMs : kPromptMs);
    is_troubled_ = false;
    for (const auto& one : world_.members) {
      if (Lane::of(*one) != nullptr) {
        EXPECT_EQ(to_string(one->at), to_string(world_.redis.last_id(one->key()))) << one->key();
      }
      bells += static_cast<std::size_t>(std::exchange(one->bells, 0));
      reads += static_cast<std::size_t>(std::exchange(one->reads, 0));
    }
    EXPECT_EQ(world_.connections.size(), world_.lanes.lane_count(Lane::Kind::cold) + world_.lanes.lane_count(Lane::Kind::hot));
    EXPECT_LE(world_.lanes.lane_count(Lane::Kind::hot), options_.max_hot_lanes);
    hot_seen += world_.lanes.lane_count(Lane::Kind::hot);
    unblocks += world_.unblocks();
  }

  std::mt19937_64 random_;
  LanesOptions options_;
  LaneWorld world_;
  std::size_t stream_count_;
  bool is_troubled_ = false;
};

void live(bool may_unblock) {
  std::size_t hot = 0;
  std::size_t bells = 0;
  std::size_t reads = 0;
  std::size_t unblocks = 0;
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Life life(seed, may_unblock);
    life.live(600);
    hot += life.hot_seen;
    bells += life.bells;
    reads += life.reads;
    unblocks += life.unblocks;
    if (::testing::Test::HasFailure()) {
      return;
    }
  }
  EXPECT_GT(hot, 500u);
  EXPECT_GT(bells, 500u);
  EXPECT_GT(reads, 2 * bells);
  EXPECT_GT(unblocks, may_unblock ? 1000u : 100u);
}

TEST(LanesModelTest, WhateverHappensEachStreamHearsOfItsEntries) { live(true); }

TEST(LanesModelTest, AlsoWithoutPermissionToUnblock) { live(false); }

}  // namespace
}  // namespace sse
