#include "delivery_probe.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "fake_redis.hpp"

namespace sse {
namespace {

using test::Command;
using test::take_commands;

constexpr std::uint64_t kIntervalMs = 1000;

// Two connections, whose answers the test hands to the probe as their source does.
class DeliveryProbeTest : public ::testing::Test, protected redis::SessionObserver {
 protected:
  DeliveryProbeTest() {
    log_in(command_);
    log_in(subscription_);
    take_commands(subscription_);
  }

  void log_in(redis::Session& session, std::uint64_t now_ms = 0) {
    session.connected(now_ms);
    take_commands(session);
    EXPECT_TRUE(session.receive(test::hello_reply(), now_ms));
  }

  void on_ready(const redis::ServerInfo&, std::uint64_t) override {}
  void on_reply(const redis::Request& request, redis::ReplyView reply, std::uint64_t now_ms) override {
    if (request.kind == redis::RequestKind::probe_subscribe) {
      answers_.push_back(probe_.on_subscribed(reply));
    } else if (request.kind == redis::RequestKind::probe_publish) {
      answers_.push_back(probe_.on_published(reply, now_ms));
    }
  }
  void on_push(redis::ReplyView push, std::uint64_t) override { probe_.on_message(push.at(1).text(), push.at(2).text()); }

  void begin(std::uint64_t now_ms = 0) {
    probe_.begin(subscription_, now_ms);
    EXPECT_EQ(take_commands(subscription_), (std::vector<Command>{{"SUBSCRIBE", "probe"}}));
    EXPECT_TRUE(subscription_.receive("+OK\r\n", now_ms));
  }

  bool check(std::uint64_t now_ms) { return probe_.check(subscription_, command_, now_ms); }

  // Expects a probe at this time, and gives its nonce.
  std::string asked(std::uint64_t now_ms) {
    EXPECT_TRUE(check(now_ms));
    EXPECT_EQ(take_commands(subscription_), (std::vector<Command>{{"PING"}}));
    const std::vector<Command> published = take_commands(command_);
    if (published.size() != 1 || published[0].size() != 3) {
      ADD_FAILURE() << "not asked";
      return "";
    }
    EXPECT_EQ(published[0][0], "PUBLISH");
    EXPECT_EQ(published[0][1], "probe");
    return published[0][2];
  }

  // Expects a PING alone.
  void pinged(std::uint64_t now_ms) {
    EXPECT_TRUE(check(now_ms));
    EXPECT_EQ(take_commands(subscription_), (std::vector<Command>{{"PING"}}));
    EXPECT_TRUE(take_commands(command_).empty());
  }

  void quiet(std::uint64_t now_ms) {
    EXPECT_TRUE(check(now_ms));
    EXPECT_TRUE(take_commands(subscription_).empty());
    EXPECT_TRUE(take_commands(command_).empty());
  }

  void pong(std::uint64_t now_ms) { EXPECT_TRUE(subscription_.receive("+PONG\r\n", now_ms)); }
  void published(std::uint64_t now_ms) { EXPECT_TRUE(command_.receive(":1\r\n", now_ms)); }
  void arrives(std::string_view nonce, std::uint64_t now_ms) { EXPECT_TRUE(subscription_.receive(test::message("probe", nonce), now_ms)); }

  DeliveryProbe probe_{"probe", kIntervalMs};
  test::FakeTransport transport_;
  redis::Session subscription_{{"", "", 0, "s"}, *this, transport_, {}, 0};
  redis::Session command_{{"", "", 0, "c"}, *this, transport_, {}, 0};
  std::vector<bool> answers_;
};

TEST_F(DeliveryProbeTest, AsksAfterASilence) {
  begin();
  quiet(999);
  const std::string nonce = asked(1000);
  pong(1001);
  published(1002);
  arrives(nonce, 1003);
  quiet(2002);
  EXPECT_NE(asked(2003), nonce);
}

TEST_F(DeliveryProbeTest, AnythingHeardPostponesTheQuestion) {
  begin();
  for (std::uint64_t now_ms = 900; now_ms < 10000; now_ms += 900) {
    EXPECT_TRUE(subscription_.receive(test::message("news", "x"), now_ms));
    quiet(now_ms + 899);
  }
}

TEST_F(DeliveryProbeTest, ANonceThatDoesNotArriveProvesTheConnectionUseless) {
  begin();
  asked(1000);
  pong(1001);
  published(1002);
  EXPECT_TRUE(check(2001));
  EXPECT_FALSE(check(2002));
}

TEST_F(DeliveryProbeTest, ABusyConnectionIsNotADeadOne) {
  begin();
  asked(1000);
  published(1002);
  for (std::uint64_t now_ms = 1500; now_ms < 9000; now_ms += 500) {
    EXPECT_TRUE(subscription_.receive(test::message("news", "x"), now_ms));
    EXPECT_TRUE(check(now_ms + 499));
  }
  EXPECT_FALSE(check(9500));
}

TEST_F(DeliveryProbeTest, AForeignNonceProvesNothing) {
  begin();
  const std::string nonce = asked(1000);
  published(1001);
  arrives(nonce + "0", 1400);
  EXPECT_TRUE(subscription_.receive(test::message("other", nonce), 1500));
  EXPECT_FALSE(check(2500));
}

TEST_F(DeliveryProbeTest, ANonceMayBeFasterThanTheAnswerToItsPublish) {
  begin();
  const std::string nonce = asked(1000);
  arrives(nonce, 1001);
  published(1002);
  asked(2001);
}

TEST_F(DeliveryProbeTest, ASlowCommandConnectionIsNotHeldAgainstTheOther) {
  begin();
  asked(1000);
  pong(1001);
  EXPECT_TRUE(check(2001));
  pong(2002);
  EXPECT_TRUE(check(100000));
}

TEST_F(DeliveryProbeTest, WithoutItsSubscriptionItMakesDoWithPing) {
  probe_.begin(subscription_, 0);
  take_commands(subscription_);
  pinged(1000);
  EXPECT_TRUE(subscription_.receive("-NOPERM no\r\n", 1001));
  EXPECT_EQ(answers_, (std::vector<bool>{false}));
  pong(1002);
  pinged(2002);
}

TEST_F(DeliveryProbeTest, WithoutPermissionToPublishItMakesDoWithPing) {
  begin();
  asked(1000);
  pong(1001);
  EXPECT_TRUE(command_.receive("-NOPERM no\r\n", 1002));
  EXPECT_EQ(answers_, (std::vector<bool>{true, false}));
  pinged(2001);
  pong(2002);
  pinged(3002);
}

TEST_F(DeliveryProbeTest, WithoutACommandConnectionItMakesDoWithPing) {
  begin();
  command_.disconnected();
  pinged(1000);
  pong(1001);
  log_in(command_);
  asked(2001);
}

TEST_F(DeliveryProbeTest, ABrokenCommandConnectionIsNotHeldAgainstTheOther) {
  begin();
  asked(1000);
  pong(1001);
  published(1002);
  command_.disconnected();
  probe_.command_lost();
  pinged(2002);
  pong(2003);
  log_in(command_);
  asked(3003);
}

TEST_F(DeliveryProbeTest, ANewConnectionBeginsAnew) {
  begin();
  const std::string former = asked(1000);
  published(1001);
  subscription_.disconnected();
  log_in(subscription_, 5000);
  begin(5000);
  quiet(5999);
  EXPECT_NE(asked(6000), former);
}

TEST_F(DeliveryProbeTest, OneUnansweredPingIsEnough) {
  begin();
  asked(1000);
  quiet(1999);
}

}  // namespace
}  // namespace sse
