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

  test::FakeTransport transport_;
  redis::Session session_{{"", "", 0, "c"}, *this, transport_, {}, 0};
  ReplicationWatch watch_{session_};
};

TEST_F(ReplicationWatchTest, AMasterIsTrusted) {
  answer(master(), 1);
  EXPECT_TRUE(watch_.is_trusted());
}

TEST_F(ReplicationWatchTest, WhoMayNotAskBelievesWhatItSees) {
  answer("-NOPERM no\r\n", 1);
  EXPECT_TRUE(watch_.is_trusted());
  watch_.tick(5000);
  EXPECT_FALSE(is_asked());
}

TEST_F(ReplicationWatchTest, ALinkedReplicaIsTrustedWhenItSaysSoAfterADoubt) {
  answer(replica("connected"), 1);
  tick(replica("connected"), 1001);
  tick(replica("connected"), 2001);
  EXPECT_FALSE(watch_.is_trusted());
  tick(replica("connected"), 2500);
  EXPECT_TRUE(watch_.is_trusted());
}

TEST_F(ReplicationWatchTest, ItsWordCountsUntilTheNextTick) {
  answer(replica("connected"), 1);
  tick(replica("connected"), 1001);
  EXPECT_FALSE(watch_.is_trusted());
  tick(replica("connected"), 1501);
  EXPECT_TRUE(watch_.is_trusted());
  watch_.tick(2001);
  EXPECT_FALSE(watch_.is_trusted());
  answer(replica("connect"), 2002);
  EXPECT_FALSE(watch_.is_trusted());
}

TEST_F(ReplicationWatchTest, AReplicaWithoutItsMasterIsNeverTrusted) {
  answer(replica("connect"), 1);
  for (std::uint64_t now_ms = 500; now_ms < 10'000; now_ms += 500) {
    EXPECT_FALSE(watch_.is_trusted());
    tick(replica(now_ms % 1000 == 0 ? "connecting" : "sync"), now_ms);
  }
}

TEST_F(ReplicationWatchTest, AReplicaWhoseLinkHasJustComeUpHasASecondToCatchUp) {
  answer(replica("connect"), 1);
  EXPECT_FALSE(watch_.is_trusted());
  tick(replica("connected"), 500);
  EXPECT_FALSE(watch_.is_trusted());
  tick(replica("connected"), 1000);
  EXPECT_FALSE(watch_.is_trusted());
  tick(replica("connected"), 1500);
  EXPECT_TRUE(watch_.is_trusted());
}

TEST_F(ReplicationWatchTest, AReplicaThatWasMadeTheMasterIsTrusted) {
  answer(replica("connect"), 1);
  EXPECT_FALSE(watch_.is_trusted());
  tick(master(), 500);
  EXPECT_TRUE(watch_.is_trusted());
}

TEST_F(ReplicationWatchTest, AMasterThatWasMadeAReplicaIsNot) {
  answer(master(), 1);
  tick(replica("connect"), 1001);
  EXPECT_FALSE(watch_.is_trusted());
}

}  // namespace
}  // namespace sse
