#include "replication_watch.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "fake_redis.hpp"

namespace sse {
namespace {

using test::Command;

class ReplicationWatchTest : public ::testing::Test, protected redis::SessionObserver {
 protected:
  ReplicationWatchTest() {
    session_.connected(0);
    test::take_commands(session_);
    EXPECT_TRUE(session_.receive(test::hello_reply(), 0));
    watch_.connected(0);
  }

  void on_ready(const redis::ServerInfo&, std::uint64_t) override {}
  void on_reply(const redis::Request&, redis::ReplyView, std::uint64_t) override {}
  void on_push(redis::ReplyView, std::uint64_t) override {}

  bool is_asked() { return test::take_commands(session_) == std::vector<Command>{{"ROLE"}}; }
  void answer(const std::string& reply, std::uint64_t now_ms) {
    EXPECT_TRUE(is_asked());
    EXPECT_TRUE(session_.receive(reply, now_ms));
  }
  static std::string replica(const char* link) {
    return test::array({test::bulk("slave"), test::bulk("127.0.0.1"), test::integer(6379), test::bulk(link), test::integer(100)});
  }
  static std::string master() { return test::array({test::bulk("master"), test::integer(100), test::array({})}); }

  // Ticks, and answers if it is asked.
  void tick(const std::string& reply, std::uint64_t now_ms) {
    watch_.tick(now_ms);
    if (is_asked()) {
      EXPECT_TRUE(session_.receive(reply, now_ms));
    }
  }

  // As the answer in a transaction.
  void take(const std::string& reply, std::uint64_t now_ms) {
    redis::ReplyReader reader({});
    redis::ReplyView role;
    ASSERT_TRUE(reader.feed(reply));
    ASSERT_EQ(reader.next(role), redis::ReplyReader::Result::reply);
    watch_.take(role, now_ms);
  }
  bool is_trusted(std::uint64_t now_ms) { return watch_.is_trusted(doubt_, now_ms); }

  test::FakeTransport transport_;
  redis::Session session_{{"", "", 0, "c"}, *this, transport_, {}, 0};
  ReplicationWatch watch_{session_};
  ReplicaDoubt doubt_;
};

TEST_F(ReplicationWatchTest, AMasterIsTrusted) {
  answer(master(), 1);
  EXPECT_TRUE(is_trusted(1));
}

TEST_F(ReplicationWatchTest, WhoMayNotAskBelievesWhatItSees) {
  answer("-NOPERM no\r\n", 1);
  EXPECT_TRUE(is_trusted(1));
  EXPECT_FALSE(watch_.may_join_transactions());
  watch_.tick(5000);
  EXPECT_FALSE(is_asked());
}

TEST_F(ReplicationWatchTest, JoinsTransactionsOnceItIsKnownToBePermitted) {
  EXPECT_FALSE(watch_.may_join_transactions());
  answer(master(), 1);
  EXPECT_TRUE(watch_.may_join_transactions());
  watch_.connected(10);  // to another server, perhaps, or as another user
  EXPECT_FALSE(watch_.may_join_transactions());
}

TEST_F(ReplicationWatchTest, AMasterIsAskedEverySecondAndAReplicaAtEachTick) {
  answer(master(), 1);
  watch_.tick(501);
  EXPECT_FALSE(is_asked());
  tick(replica("connected"), 1001);
  watch_.tick(1501);
  EXPECT_TRUE(is_asked());
}

TEST_F(ReplicationWatchTest, ALinkedReplicaIsTrustedHalfASecondAfterADoubt) {
  answer(replica("connected"), 1);
  EXPECT_FALSE(is_trusted(2001));
  EXPECT_FALSE(is_trusted(2500));
  EXPECT_TRUE(is_trusted(2501));
  EXPECT_TRUE(is_trusted(4500));
  EXPECT_FALSE(is_trusted(4501));  // another doubt
}

TEST_F(ReplicationWatchTest, TheDoubtAboutOneStreamIsNotThatAboutAnother) {
  answer(replica("connected"), 1);
  EXPECT_FALSE(is_trusted(2000));
  EXPECT_TRUE(is_trusted(2500));
  ReplicaDoubt other;
  EXPECT_FALSE(watch_.is_trusted(other, 2500));
  EXPECT_TRUE(watch_.is_trusted(other, 3000));
}

TEST_F(ReplicationWatchTest, WhatATransactionSaysCountsAtOnce) {
  answer(replica("connected"), 1);
  EXPECT_FALSE(is_trusted(2000));
  take(replica("connect"), 2500);
  EXPECT_FALSE(is_trusted(2500));
}

TEST_F(ReplicationWatchTest, AReplicaWithoutItsMasterIsNeverTrusted) {
  answer(replica("connect"), 1);
  for (std::uint64_t now_ms = 500; now_ms < 10'000; now_ms += 500) {
    EXPECT_FALSE(is_trusted(now_ms));
    tick(replica(now_ms % 1000 == 0 ? "connecting" : "sync"), now_ms);
  }
}

TEST_F(ReplicationWatchTest, AReplicaWhoseLinkHasJustComeUpHasASecondToCatchUp) {
  answer(replica("connect"), 1);
  EXPECT_FALSE(is_trusted(1));
  tick(replica("connected"), 500);
  EXPECT_FALSE(is_trusted(600));
  EXPECT_FALSE(is_trusted(1499));
  EXPECT_TRUE(is_trusted(1500));
}

TEST_F(ReplicationWatchTest, AReplicaThatWasMadeTheMasterIsTrusted) {
  answer(replica("connect"), 1);
  EXPECT_FALSE(is_trusted(1));
  tick(master(), 500);
  EXPECT_TRUE(is_trusted(500));
}

TEST_F(ReplicationWatchTest, AMasterThatWasMadeAReplicaIsNot) {
  answer(master(), 1);
  tick(replica("connect"), 1001);
  EXPECT_FALSE(is_trusted(1001));
}

}  // namespace
}  // namespace sse
