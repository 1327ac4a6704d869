// What a replica lacks: on its way, or lost. What is judged, and whether it may be, is of one moment.
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "durable_world.hpp"

namespace sse {
namespace {

using test::DurableWorld;
using Told = std::vector<std::string>;

class StreamReplicaTest : public ::testing::Test {
 protected:
  StreamReplicaTest() {
    world_.server.be_replica("connected");
    add("news", 1);
    add("orders", 1);
    world_.connect();
    keeper_ = reader("orders", "");  // so that the role is asked for
    world_.pass(5000);
  }

  void add(const std::string& key, std::uint64_t id) { world_.server.streams[key].add({id, 0}, "e" + std::to_string(id)); }
  std::unique_ptr<test::DurableReader> reader(const std::string& key, std::string_view cursor) {
    auto made = world_.reader({key}, {}, cursor);
    world_.exchange();
    return made;
  }

  DurableWorld world_;
  std::unique_ptr<test::DurableReader> keeper_;
};

TEST_F(StreamReplicaTest, WhatItLacksIsOnItsWayForHalfASecond) {
  auto one = reader("news", "2-0");
  EXPECT_EQ(one->told(), Told());
  add("news", 2);
  add("news", 3);
  world_.pass(1000);
  EXPECT_EQ(one->told(), (Told{"e3 @3-0"}));
  auto gone = reader("nothing", "5-0");
  EXPECT_EQ(gone->told(), Told());
  world_.pass(1000);
  EXPECT_EQ(gone->told(), (Told{"reset deleted @0-0"}));
}

TEST_F(StreamReplicaTest, TheLossInOneStreamIsNoReasonToBelieveItOfAnother) {
  auto lost = reader("orders", "9-0");
  world_.pass(500);
  EXPECT_EQ(lost->told(), (Told{"reset ahead @0-18446744073709551615", "e1 @1-0"}));
  auto ahead = reader("news", "2-0");
  EXPECT_EQ(ahead->told(), Told());
  add("news", 2);
  world_.pass(1000);
  EXPECT_EQ(ahead->told(), Told());
  EXPECT_EQ(world_.hub.counters().resets, 1u);
}

TEST_F(StreamReplicaTest, ItsLinkCountsAsOfTheMomentThatIsJudged) {
  auto ahead = reader("news", "2-0");
  world_.now_ms += DurableWorld::kTickMs;
  world_.source.tick(world_.now_ms);
  world_.to_server();  // asked for its role
  world_.server.be_replica("connect");
  world_.exchange();
  EXPECT_EQ(ahead->told(), Told());
  world_.pass(3000);
  EXPECT_EQ(ahead->told(), Told());
  add("news", 2);
  add("news", 3);
  world_.server.be_replica("connected");
  world_.pass(3000);
  EXPECT_EQ(ahead->told(), (Told{"e3 @3-0"}));
}

TEST_F(StreamReplicaTest, AMasterThatWasMadeAReplicaIsKnownForOneAtOnce) {
  world_.server.role = test::array({test::bulk("master"), test::integer(0), test::array({})});
  world_.pass(1000);
  auto live = reader("news", "");
  world_.server.be_replica("connect");  // and it has not been asked for its role since
  auto ahead = reader("news", "2-0");
  EXPECT_EQ(ahead->told(), Told());
  add("news", 2);
  add("news", 3);
  world_.server.be_replica("connected");
  world_.pass(3000);
  EXPECT_EQ(ahead->told(), (Told{"e3 @3-0"}));
  EXPECT_EQ(live->told(), (Told{"e2 @2-0", "e3 @3-0"}));
}

TEST_F(StreamReplicaTest, AnOpenStreamIsHeldToo) {
  auto live = reader("news", "");
  const auto kept = world_.server.streams["news"];
  world_.server.streams.erase("news");
  world_.server.be_replica("sync");
  world_.pass(31'000);
  world_.server.streams["news"] = kept;
  add("news", 2);
  world_.server.be_replica("connected");
  world_.pass(3000);
  EXPECT_EQ(live->told(), (Told{"e2 @2-0"}));
}

TEST_F(StreamReplicaTest, WhoMayNotAskForTheRoleHasTransactionsWithoutIt) {
  world_.server.role = "-NOPERM this user has no permissions to run the 'role' command\r\n";
  world_.cut();
  world_.connect();
  auto lost = reader("news", "9-0");
  EXPECT_EQ(lost->told(), (Told{"reset ahead @0-18446744073709551615", "e1 @1-0"}));
  EXPECT_EQ(world_.asked("ROLE").size(), 1u);
}

}  // namespace
}  // namespace sse
