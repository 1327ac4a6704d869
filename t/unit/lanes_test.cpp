#include "lanes.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "lane_world.hpp"

namespace sse {
namespace {

using test::Command;
using test::LaneWorld;
using Member = LaneWorld::Member;

class LanesTest : public ::testing::Test {
 protected:
  static bool is_hot(const Member& member) { return Lane::of(member)->kind() == Lane::Kind::hot; }

  std::size_t xreads(const Member& member) {
    const std::vector<Command> commands = world_.commands_of(member);
    return static_cast<std::size_t>(std::count_if(commands.begin(), commands.end(), [](const Command& one) { return one[0] == "XREAD"; }));
  }
  Command last_xread(const Member& member) { return world_.commands_of(member).back(); }

  // Two entries, far enough apart: the first one opens a hot lane, the second one moves the stream there.
  void heat(Member& member) {
    for (int i = 0; i < 3 && !is_hot(member); ++i) {
      world_.xadd(member.key());
      world_.pass(30);
    }
    ASSERT_TRUE(is_hot(member));
  }

  void catches_up(Member& member) {
    const int reads = member.reads;
    world_.xadd(member.key());
    world_.pass(30);
    EXPECT_EQ(member.at, world_.redis.last_id(member.key()));
    EXPECT_EQ(member.reads, reads + 1);
  }

  LanesOptions options_ = LaneWorld::small(256, 16, 4);
  LaneWorld world_{options_};
};

TEST_F(LanesTest, ALaneAsksForAllItsStreamsAndGivesUpAfterTenSecondsGiveOrTakeOne) {
  Member& a = world_.listening("a");
  a.at = {5, 7};
  Member& b = world_.listening("b");
  world_.exchange();
  const Command xread = last_xread(a);
  EXPECT_EQ(xread, (Command{"XREAD", "COUNT", "16", "BLOCK", xread[4], "STREAMS", "a", "b", "5-7", "0-0"}));
  EXPECT_GE(std::stoul(xread[4]), 9000u);
  EXPECT_LT(std::stoul(xread[4]), 11000u);
  catches_up(a);
  catches_up(b);
}

TEST_F(LanesTest, AServerThatDoesNotReturnInTimeIsDead) {
  Member& a = world_.listening("a");
  world_.exchange();
  const std::uint64_t block_ms = std::stoul(last_xread(a)[4]);
  world_.now_ms += block_ms + LaneWorld::kAnswerTimeoutMs - 1;
  world_.lanes.check_timeouts();
  EXPECT_TRUE(world_.failures.empty());
  ++world_.now_ms;
  world_.lanes.check_timeouts();
  EXPECT_EQ(world_.failures.size(), 1u);
  world_.pass(30);
  EXPECT_EQ(a.rings, 1);
  catches_up(a);
}

TEST_F(LanesTest, TheEntriesOfOneReplyFitTheBudgetAndAFullReplyIsABell) {
  Member& a = world_.listening("a");
  Member& large = world_.listening("large");
  large.largest = 400 * 1024;
  world_.exchange();
  EXPECT_EQ(last_xread(a)[2], "2");
  large.largest = 5 * 1024 * 1024;
  catches_up(a);
  EXPECT_EQ(a.bells, 0);
  world_.lanes.add(large, world_.now_ms);
  world_.pass(30);
  EXPECT_EQ(last_xread(large)[2], "1");
  world_.xadd("large");
  world_.pass(30);
  EXPECT_EQ(large.bells, 1);
  EXPECT_EQ(large.at, world_.redis.last_id("large"));
}

TEST_F(LanesTest, AStreamThatRangIsLeftOutUntilItIsAddedAgain) {
  world_.members_read = false;
  Member& a = world_.member("a");
  Member& b = world_.listening("b");
  for (int i = 0; i < 16; ++i) {
    world_.xadd("a");
  }
  world_.lanes.add(a, world_.now_ms);
  world_.pass(50);
  EXPECT_EQ(a.bells, 1) << "or it rings again and again";
  EXPECT_EQ(xreads(b), 2u);
  EXPECT_EQ(last_xread(b)[6], "b");
  a.read_all();
  world_.pass(50);
  EXPECT_EQ(a.bells, 1);
  catches_up(a);
}

TEST_F(LanesTest, AStreamOfLargeEntriesIsHotTooAndBackBeforeItsLaneIsArmed) {
  std::vector<Member*> all;
  for (const std::string key : {"large", "other"}) {
    all.push_back(&world_.member(key));
    all.back()->largest = 2 * 1024 * 1024;
    world_.lanes.add(*all.back(), world_.now_ms);
  }
  world_.listening("cold");
  world_.exchange();
  heat(*all[0]);
  heat(*all[1]);
  ASSERT_EQ(Lane::of(*all[0]), Lane::of(*all[1]));
  world_.pass(100);
  const std::size_t unblocks = world_.unblocks();
  world_.members_read = false;
  world_.xadd("large");
  world_.exchange();
  ++world_.now_ms;
  world_.exchange();
  ASSERT_TRUE(all[0]->wants_read);
  all[0]->read_all();
  world_.pass(30);
  EXPECT_EQ(world_.unblocks(), unblocks);
  EXPECT_EQ(last_xread(*all[0]).size(), 10u) << "both are asked for";
}

TEST_F(LanesTest, ABurstIsReadInBatches) {
  Member& a = world_.listening("a");
  world_.exchange();
  world_.pass(100);
  const std::size_t before = xreads(a);
  const std::uint64_t begin_ms = world_.now_ms;
  while (world_.now_ms < begin_ms + 300) {
    world_.xadd("a");
    world_.pass(1);
  }
  world_.pass(5);
  EXPECT_EQ(a.at, world_.redis.last_id("a"));
  const int reads = a.reads;
  EXPECT_LE(reads, 300 / 2 + 5);
  EXPECT_GE(reads, 100);
  EXPECT_GT(xreads(a) + before, 0u);
}

TEST_F(LanesTest, AStreamThatWokeAColdLaneMovesToAHotOneAndComesBackWhenItIsQuiet) {
  Member& a = world_.listening("a");
  for (int i = 0; i < 20; ++i) {
    world_.listening("cold" + std::to_string(i));
  }
  world_.exchange();
  heat(a);
  EXPECT_EQ(Lane::of(a)->size(), 1u);
  catches_up(a);
  EXPECT_TRUE(is_hot(a));
  // It stays as long as it has something now and then.
  for (int i = 0; i < 8; ++i) {
    world_.pass(4000);
    catches_up(a);
    EXPECT_TRUE(is_hot(a));
  }
  world_.pass(23000);
  EXPECT_FALSE(is_hot(a));
  EXPECT_EQ(world_.lanes.lane_count(Lane::Kind::hot), 0u) << "empty lanes close";
  catches_up(a);
}

TEST_F(LanesTest, WhenAllHotLanesAreFullAQuietStreamMakesRoom) {
  options_ = LaneWorld::small(4, 2, 1);
  LaneWorld world(options_);
  std::vector<Member*> all;
  for (int i = 0; i < 6; ++i) {
    all.push_back(&world.listening("s" + std::to_string(i)));
  }
  world.exchange();
  const auto wake = [&](std::size_t i) {
    world.xadd(all[i]->key());
    world.pass(30);
    EXPECT_EQ(all[i]->at, world.redis.last_id(all[i]->key()));
    world.validate(options_);
  };
  for (const std::size_t i : {0u, 0u, 1u, 1u}) {
    wake(i);
  }
  EXPECT_TRUE(is_hot(*all[0]));
  EXPECT_TRUE(is_hot(*all[1]));
  wake(2);
  EXPECT_FALSE(is_hot(*all[2])) << "no room, and nobody is quiet";
  world.pass(5000 - 100);
  wake(1);
  world.pass(200);
  wake(2);
  EXPECT_TRUE(is_hot(*all[2]) || !is_hot(*all[0]));
  for (std::size_t i = 0; i < all.size(); ++i) {
    wake(i);
  }
}

TEST_F(LanesTest, TenThousandStreamsNeedFortyConnections) {
  for (int i = 0; i < 10000; ++i) {
    world_.listening("s" + std::to_string(i));
  }
  world_.exchange();
  EXPECT_EQ(world_.lanes.lane_count(Lane::Kind::cold), 40u);
  for (std::size_t i = 0; i < 10000; i += 7) {
    world_.xadd(world_.members[i]->key());
  }
  world_.pass(50);
  for (std::size_t i = 0; i < 10000; ++i) {
    ASSERT_EQ(world_.members[i]->at, world_.redis.last_id(world_.members[i]->key())) << i;
  }
  EXPECT_LE(world_.connections.size(), 44u);
  world_.validate(options_);
}

TEST_F(LanesTest, AddingWhatIsListenedToCostsNothing) {
  Member& a = world_.listening("a");
  Member& b = world_.listening("b");
  world_.exchange();
  world_.pass(100);
  a.at = {7, 7};  // it has read by itself
  world_.lanes.add(a, world_.now_ms);
  world_.lanes.add(b, world_.now_ms);
  world_.pass(100);
  EXPECT_EQ(world_.unblocks(), 0u);
  EXPECT_EQ(xreads(a), 1u);
}

TEST_F(LanesTest, AStreamWhoseIdsWentBackIsHeardWhenItIsAddedAgain) {
  Member& a = world_.member("a");
  a.at = {UINT64_MAX, 7};
  world_.lanes.add(a, world_.now_ms);
  world_.exchange();
  world_.pass(100);
  a.at = {1, 1};
  world_.lanes.add(a, world_.now_ms);
  world_.pass(30);
  EXPECT_EQ(last_xread(a).back(), "1-1");
  catches_up(a);
}

TEST_F(LanesTest, ManyAddsInOneTurnCostOneUnblock) {
  world_.listening("first");
  world_.exchange();
  world_.pass(100);
  ASSERT_EQ(world_.unblocks(), 0u);
  for (int i = 0; i < 50; ++i) {
    world_.listening("s" + std::to_string(i));
  }
  world_.exchange();
  EXPECT_EQ(world_.unblocks(), 1u);
  world_.pass(30);
  EXPECT_EQ(world_.unblocks(), 1u);
  EXPECT_EQ(world_.connections.size(), 1u);
  catches_up(*world_.members[50]);
}

TEST_F(LanesTest, AnUnblockThatComesBeforeTheXreadIsRepeatedUntilTheLaneReturns) {
  Member& a = world_.listening("a");
  world_.exchange();
  world_.pass(100);
  // The lane returns, and its next XREAD is held up on the way.
  LaneWorld::Connection& connection = world_.connection_of(a);
  world_.redis.break_off(*connection.client, "UNBLOCKED");
  world_.to_session(connection);
  world_.now_ms += 2000;
  world_.tick();
  ASSERT_FALSE(connection.session->output().empty());
  Member& b = world_.listening("b");
  world_.now_ms += 5;
  world_.tick();
  world_.commands_to_server();
  world_.commands_to_session();
  EXPECT_EQ(world_.unblocks(), 1u);
  world_.pass(30);
  EXPECT_EQ(world_.unblocks(), 2u);
  catches_up(b);
}

TEST_F(LanesTest, AnAnsweredUnblockIsNotRepeatedWhileTheReplyIsUnderWay) {
  Member& a = world_.listening("a");
  world_.exchange();
  world_.pass(100);
  world_.listening("b");
  world_.tick();
  for (int i = 0; i < 10; ++i) {
    world_.commands_to_server();
    world_.commands_to_session();
    world_.now_ms += 20;
    world_.tick();
  }
  EXPECT_EQ(world_.unblocks(), 1u);
  EXPECT_EQ(xreads(a), 1u) << "only its own reply ends its wait";
  world_.pass(30);
  EXPECT_EQ(xreads(a), 2u);
}

TEST_F(LanesTest, WithoutPermissionToUnblockNewStreamsGetALaneOfTheirOwnAndLanesMerge) {
  world_.redis.unblock_error = "NOPERM this user has no permissions to run the 'client|unblock' command";
  std::vector<Member*> all;
  for (int i = 0; i < 5; ++i) {
    all.push_back(&world_.listening("s" + std::to_string(i)));
    world_.pass(30);
    catches_up(*all.back());
  }
  EXPECT_EQ(world_.unblocks(), 1u) << "asking once is enough";
  EXPECT_EQ(world_.logger.count(LogLevel::notice), 1u);
  EXPECT_GT(world_.connections.size(), 2u);
  world_.pass(30000);
  EXPECT_LE(world_.connections.size(), 2u);
  for (Member* member : all) {
    catches_up(*member);
  }
}

TEST_F(LanesTest, APermissionToUnblockIsLookedForAgainAtTheNextConnection) {
  world_.redis.unblock_error = "NOPERM this user has no permissions to run the 'client|unblock' command";
  world_.listening("a");
  world_.pass(30);
  world_.listening("b");
  world_.pass(30);
  ASSERT_EQ(world_.logger.count(LogLevel::notice), 1u);
  world_.redis.unblock_error.clear();
  world_.cut_command();
  world_.pass(30000);
  Member& c = world_.listening("c");
  world_.pass(30);
  EXPECT_GE(world_.unblocks(), 1u);
  catches_up(c);
}

TEST_F(LanesTest, AServerThatIsUnwellHasNotRefusedToUnblock) {
  world_.redis.unblock_error = "LOADING Redis is loading the dataset in memory";
  world_.listening("a");
  world_.pass(30);
  Member& b = world_.listening("b");
  world_.pass(30);
  world_.redis.unblock_error.clear();
  world_.pass(30);
  EXPECT_GE(world_.unblocks(), 2u);
  EXPECT_EQ(world_.logger.count(LogLevel::notice), 0u);
  EXPECT_EQ(world_.connections.size(), 1u);
  catches_up(b);
}

TEST_F(LanesTest, ALaneIdIsWorthNothingOnceAnyConnectionIsLost) {
  Member& a = world_.listening("a");
  world_.exchange();
  world_.pass(100);
  const std::int64_t lane_id = world_.connection_of(a).client->id;
  // Redis was started again: the lane does not know it yet. A stranger has its id now.
  world_.cut_silently(world_.connection_of(a));
  world_.cut_command();
  world_.redis.restart();
  test::FakeStreams::Client* stranger = &world_.redis.connect_stranger();
  while (stranger->id < lane_id) {
    stranger = &world_.redis.connect_stranger();
  }
  world_.exchange();
  ASSERT_TRUE(world_.command.is_ready());
  Member& b = world_.listening("b");
  world_.pass(100);
  EXPECT_EQ(world_.redis.unblocked_strangers, std::vector<std::int64_t>());
  catches_up(b);
}

TEST_F(LanesTest, ALaneLearnsItsIdAgainWhenItReturns) {
  world_.listening("a");
  world_.exchange();
  world_.pass(100);
  world_.lanes.connection_lost();
  world_.pass(12000);
  const std::size_t connections = world_.connections.size();
  Member& b = world_.listening("b");
  world_.pass(30);
  EXPECT_EQ(world_.unblocks(), 1u);
  EXPECT_EQ(world_.connections.size(), connections);
  catches_up(b);
}

TEST_F(LanesTest, AnIdThatWasAskedForBeforeALossIsNotUsed) {
  Member& a = world_.listening("a");
  world_.connect();
  LaneWorld::Connection& connection = world_.connection_of(a);
  for (int i = 0; i < 3; ++i) {
    world_.tick();
    world_.to_server(connection);
    if (connection.client->commands.size() < 2) {
      world_.to_session(connection);
    }
  }
  world_.commands_to_server();
  world_.commands_to_session();
  ASSERT_FALSE(connection.client->output.empty()) << "the id is under way";
  world_.lanes.connection_lost();
  world_.to_session(connection);
  world_.listening("b");
  world_.pass(100);
  EXPECT_EQ(world_.unblocks(), 0u);
}

TEST_F(LanesTest, AnUnblockMayBeAnsweredAfterItsLaneIsGone) {
  world_.listening("a");
  world_.exchange();
  world_.pass(100);
  world_.listening("b");
  world_.tick();
  world_.lanes.close();
  EXPECT_TRUE(world_.connections.empty());
  EXPECT_EQ(world_.lanes.member_count(), 0u);
  world_.exchange();
  EXPECT_EQ(world_.unblocks(), 1u);
}

TEST_F(LanesTest, RemovingAStreamCostsNothingAndItsReplyIsIgnored) {
  Member& a = world_.listening("a");
  Member& b = world_.listening("b");
  world_.exchange();
  world_.pass(100);
  world_.lanes.remove(a, world_.now_ms);
  world_.exchange();
  EXPECT_EQ(world_.unblocks(), 0u);
  world_.xadd("a");
  world_.pass(30);
  EXPECT_EQ(a.reads, 0);
  EXPECT_EQ(last_xread(b)[6], "b");
  EXPECT_EQ(last_xread(b).size(), 8u);
  world_.forget(a);
  catches_up(b);
}

TEST_F(LanesTest, AMemberMayLeaveOrComeBackInItsCallback) {
  Member& a = world_.listening("a");
  Member& b = world_.listening("b");
  world_.exchange();
  a.when_read = [&] { world_.lanes.remove(a, world_.now_ms); };
  world_.xadd("a");
  world_.pass(30);
  EXPECT_EQ(Lane::of(a), nullptr);
  a.when_read = nullptr;
  world_.lanes.add(a, world_.now_ms);
  world_.pass(30);
  b.when_read = [&] {
    world_.lanes.remove(b, world_.now_ms);
    world_.lanes.add(b, world_.now_ms);
  };
  catches_up(b);
  catches_up(a);
  catches_up(b);
}

TEST_F(LanesTest, TheGuiltyLeaveAndTheOthersGoOn) {
  world_.redis.wrong_types = {"list"};
  world_.redis.forbidden = {"secret"};
  Member& list = world_.listening("list");
  Member& secret = world_.listening("secret");
  Member& a = world_.listening("a");
  world_.pass(10);
  EXPECT_EQ(list.refusal.substr(0, 9), "WRONGTYPE");
  EXPECT_EQ(secret.refusal.substr(0, 6), "NOPERM");
  EXPECT_EQ(Lane::of(list), nullptr);
  EXPECT_EQ(Lane::of(secret), nullptr);
  EXPECT_EQ(a.refusal, "");
  catches_up(a);
  EXPECT_EQ(world_.lanes.member_count(), 1u);
  // It may ask again.
  world_.redis.wrong_types.clear();
  list.refusal.clear();
  world_.lanes.add(list, world_.now_ms);
  world_.pass(30);
  catches_up(list);
}

TEST_F(LanesTest, AnErrorThatIsNobodysFaultIsWaitedOutAndThenAllAreRung) {
  for (const std::string code : {"LOADING", "MASTERDOWN", "UNBLOCKED", "CLUSTERDOWN", "TRYAGAIN", "READONLY"}) {
    LaneWorld world(options_);
    Member& a = world.listening("a");
    Member& b = world.listening("b");
    world.exchange();
    world.redis.sickness = code + " for a while";
    world.redis.break_off(*world.connection_of(a).client, code + " now");
    world.pass(1000);
    EXPECT_LE(world.commands_of(a).size(), 8u) << "not again and again";
    const int rings = a.rings;
    world.redis.sickness.clear();
    world.pass(2000);
    EXPECT_EQ(a.rings, rings + 1) << code;
    EXPECT_EQ(b.rings, rings + 1) << code;
    EXPECT_EQ(a.refusal + b.refusal, "");
    EXPECT_EQ(world.logger.count(LogLevel::warn), 1u) << "at most once a minute";
    world.xadd("b");
    world.pass(30);
    EXPECT_EQ(b.reads, 1);
  }
}

TEST_F(LanesTest, WhoIsLookedIntoWhileTheServerIsUnwellIsNotGuilty) {
  Member& a = world_.listening("a");
  Member& b = world_.listening("b");
  world_.exchange();
  world_.redis.sickness = "LOADING for a while";
  world_.redis.break_off(*world_.connection_of(a).client, "WRONGTYPE now");
  world_.pass(1000);
  EXPECT_EQ(a.refusal + b.refusal, "");
  world_.redis.sickness.clear();
  world_.pass(2000);
  catches_up(a);
  catches_up(b);
}

TEST_F(LanesTest, AnErrorThatNoMemberCausesIsWaitedOut) {
  Member& a = world_.listening("a");
  world_.exchange();
  world_.redis.break_off(*world_.connection_of(a).client, "CROSSSLOT Keys in request don't hash to the same slot");
  world_.pass(50);
  EXPECT_EQ(a.refusal, "");
  world_.pass(500);
  EXPECT_EQ(a.rings, 1);
  catches_up(a);
}

TEST_F(LanesTest, AfterALostConnectionAllAreRung) {
  Member& a = world_.listening("a");
  Member& b = world_.listening("b");
  world_.exchange();
  world_.cut(world_.connection_of(a));
  world_.pass(30);
  EXPECT_EQ(a.rings, 1);
  EXPECT_EQ(b.rings, 1);
  catches_up(a);
  EXPECT_EQ(a.rings, 1);
}

TEST_F(LanesTest, WhoWasNotListenedToForASecondIsRung) {
  Member& a = world_.listening("a");
  world_.exchange();
  world_.pass(100);
  world_.now_ms += 500;
  catches_up(a);
  EXPECT_EQ(a.rings, 0);
  world_.redis.break_off(*world_.connection_of(a).client, "");
  world_.connection_of(a).client->output = "*-1\r\n";
  world_.to_session(world_.connection_of(a));
  world_.now_ms += 1000;
  world_.pass(10);
  EXPECT_EQ(a.rings, 1);
}

TEST_F(LanesTest, AnAnswerThatIsNoListOfStreamsEndsTheConnection) {
  using test::array;
  using test::bulk;
  Member& a = world_.listening("a");
  world_.pass(30);
  for (const std::string& odd : {std::string(":1\r\n"), std::string("+OK\r\n"), array({bulk("a")}), array({array({bulk("a")})}),
                                 array({array({bulk("a"), array({})})}), array({array({bulk("a"), array({bulk("1-1")})})}),
                                 array({array({bulk("a"), array({array({bulk("1-1")})})}), array({bulk("b"), bulk("c")})})}) {
    world_.failures.clear();
    world_.redis.next_xread_reply = odd;
    world_.redis.break_off(*world_.connection_of(a).client, "UNBLOCKED");
    world_.pass(500);
    EXPECT_EQ(world_.failures.size(), 1u) << odd;
    EXPECT_EQ(a.reads, 0);
  }
  catches_up(a);
}

TEST_F(LanesTest, StreamsThatWereNotAskedForAreIgnored) {
  using test::array;
  using test::bulk;
  const auto stream = [](const std::string& key) { return array({bulk(key), array({array({bulk("999-1"), array({})})})}); };
  Member& a = world_.listening("a");
  Member& b = world_.listening("b");
  world_.pass(30);
  world_.redis.next_xread_reply = array({stream("other"), stream("b")});
  world_.redis.break_off(*world_.connection_of(a).client, "UNBLOCKED");
  world_.members_read = false;
  world_.pass(300);
  EXPECT_EQ(a.reads, 0);
  EXPECT_EQ(b.reads, 1);
  EXPECT_TRUE(world_.failures.empty());
}

TEST_F(LanesTest, AnEmptyLaneClosesAfterAWhile) {
  Member& a = world_.listening("a");
  world_.pass(100);
  world_.lanes.remove(a, world_.now_ms);
  world_.pass(3000);
  EXPECT_EQ(world_.connections.size(), 1u);
  world_.pass(3000);
  EXPECT_TRUE(world_.connections.empty());
  world_.lanes.add(a, world_.now_ms);
  world_.pass(30);
  catches_up(a);
}

}  // namespace
}  // namespace sse
