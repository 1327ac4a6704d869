#include "redis_session.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fake_redis.hpp"

namespace sse::redis {
namespace {

using namespace std::literals;

using test::array;
using test::bulk;
using test::Command;
using test::hello_reply;
using test::integer;
using test::message;
using test::take_commands;

constexpr ReplyLimits kLimits = {1000, 10000};
constexpr std::uint64_t kTimeoutMs = 1000;

// Notes everything in the order in which it comes.
struct Recorder final : SessionObserver {
  void on_ready(const ServerInfo& server, std::uint64_t) override {
    seen.push_back("ready " + server.version + " " + server.mode + " " + server.role);
  }
  void on_reply(const Request& request, ReplyView reply, std::uint64_t now_ms) override {
    const std::string context = request.context == nullptr ? "" : " of " + *static_cast<const std::string*>(request.context);
    const std::string what = reply.is_error() ? "error " : "reply ";
    seen.push_back(what + std::to_string(static_cast<int>(request.kind)) + context + " " +
                   std::string(reply.is_array() ? reply.at(0).text() : reply.text()) + " at " + std::to_string(now_ms));
  }
  void on_push(ReplyView push, std::uint64_t) override {
    std::string line = "push";
    for (const ReplyView element : push) {
      line += " " + std::string(element.text());
    }
    seen.push_back(line);
  }

  std::vector<std::string> take() { return std::exchange(seen, {}); }

  std::vector<std::string> seen;
};

class RedisSessionTest : public ::testing::Test {
 protected:
  std::vector<Command> login_commands(const Login& login) {
    Session session(login, recorder_, transport_, kLimits, kTimeoutMs);
    session.connected(0);
    return take_commands(session);
  }

  // What becomes of a login that gets this answer.
  std::string login_error(const Login& login, std::string_view answer) {
    Session session(login, recorder_, transport_, kLimits, kTimeoutMs);
    session.connected(0);
    take_commands(session);
    EXPECT_FALSE(session.receive(answer, 1));
    EXPECT_FALSE(session.is_ready());
    return session.error();
  }

  void log_in() {
    session_.connected(0);
    ASSERT_TRUE(session_.receive(hello_reply(), 10));
    ASSERT_TRUE(session_.is_ready());
    take_commands(session_);
    recorder_.take();
  }

  void ping(void* context = nullptr, std::uint64_t now_ms = 20) { session_.request({RequestKind::ping, context}, {"PING"}, now_ms); }

  Recorder recorder_;
  test::FakeTransport transport_;
  Session session_{{"", "", 0, "me"}, recorder_, transport_, kLimits, kTimeoutMs};
};

TEST_F(RedisSessionTest, ALoginIsOneHelloInTheFormThatItsCredentialsAskFor) {
  EXPECT_EQ(login_commands({"", "", 0, "me"}), (std::vector<Command>{{"HELLO", "2", "SETNAME", "me"}}));
  EXPECT_EQ(login_commands({"", "secret", 0, "me"}), (std::vector<Command>{{"HELLO", "2", "AUTH", "default", "secret", "SETNAME", "me"}}));
  EXPECT_EQ(login_commands({"anna", "secret", 0, "me"}), (std::vector<Command>{{"HELLO", "2", "AUTH", "anna", "secret", "SETNAME", "me"}}));
  EXPECT_EQ(login_commands({"anna", "", 0, "me"}), (std::vector<Command>{{"HELLO", "2", "AUTH", "anna", "", "SETNAME", "me"}}));
  EXPECT_EQ(login_commands({"", " \r\n\"", 0, "me"}),
            (std::vector<Command>{{"HELLO", "2", "AUTH", "default", " \r\n\"", "SETNAME", "me"}}));
}

TEST_F(RedisSessionTest, ADatabaseIsSelectedWithoutWaitingForTheHello) {
  EXPECT_EQ(login_commands({"", "", 7, "me"}), (std::vector<Command>{{"HELLO", "2", "SETNAME", "me"}, {"SELECT", "7"}}));
}

TEST_F(RedisSessionTest, IsReadyWhenTheWholeLoginIsAnswered) {
  Session session({"", "", 7, "me"}, recorder_, transport_, kLimits, kTimeoutMs);
  EXPECT_FALSE(session.is_ready());
  session.connected(0);
  EXPECT_FALSE(session.is_ready());
  EXPECT_TRUE(session.receive(hello_reply(), 1));
  EXPECT_FALSE(session.is_ready());
  EXPECT_TRUE(recorder_.seen.empty());
  EXPECT_TRUE(session.receive("+OK\r\n", 2));
  EXPECT_TRUE(session.is_ready());
  EXPECT_EQ(recorder_.seen, (std::vector<std::string>{"ready 7.0.15 standalone master"}));
}

TEST_F(RedisSessionTest, ALoginMayArriveByteByByte) {
  session_.connected(0);
  for (const char c : hello_reply()) {
    EXPECT_FALSE(session_.is_ready());
    ASSERT_TRUE(session_.receive({&c, 1}, 1));
  }
  EXPECT_TRUE(session_.is_ready());
}

TEST_F(RedisSessionTest, AnOddHelloIsAccepted) {
  for (const std::string& odd :
       {"+OK\r\n"s, "*0\r\n"s, "$-1\r\n"s, array({bulk("version")}), array({integer(1), bulk("x"), bulk("version"), integer(7)})}) {
    session_.connected(0);
    EXPECT_TRUE(session_.receive(odd, 1)) << odd;
    EXPECT_TRUE(session_.is_ready());
    EXPECT_EQ(recorder_.take(), (std::vector<std::string>{"ready   "}));
    session_.disconnected();
  }
}

TEST_F(RedisSessionTest, AFailedLoginSaysWhyAndNeverThePassword) {
  const Login login = {"anna", "secret", 7, "me"};
  EXPECT_EQ(login_error(login, "-WRONGPASS invalid username-password pair or user is disabled.\r\n"),
            "login refused: WRONGPASS invalid username-password pair or user is disabled.");
  EXPECT_EQ(login_error(login, "-NOAUTH HELLO must be called with the client already authenticated\r\n"),
            "login refused: NOAUTH HELLO must be called with the client already authenticated");
  EXPECT_EQ(login_error(login, "-LOADING Redis is loading the dataset in memory\r\n"),
            "login refused: LOADING Redis is loading the dataset in memory");
  EXPECT_EQ(login_error(login, "-ERR unknown command `HELLO`, with args beginning with: `2`, `AUTH`, `anna`, `secret`, \r\n"),
            "the server does not know HELLO: Redis 6.0 or newer is needed");
  EXPECT_EQ(login_error(login, hello_reply() + "-ERR DB index is out of range\r\n"), "SELECT refused: ERR DB index is out of range");
  EXPECT_TRUE(recorder_.seen.empty());
}

TEST_F(RedisSessionTest, AnswersComeInTheOrderOfTheRequestsAndFindTheirContext) {
  log_in();
  std::string one = "one";
  std::string two = "two";
  session_.request({RequestKind::subscribe, &one}, {"SUBSCRIBE", "news"}, 20);
  session_.request({RequestKind::unsubscribe, &two}, {"UNSUBSCRIBE", "news"}, 20);
  ping();
  EXPECT_EQ(take_commands(session_), (std::vector<Command>{{"SUBSCRIBE", "news"}, {"UNSUBSCRIBE", "news"}, {"PING"}}));
  EXPECT_TRUE(session_.receive(array({bulk("subscribe"), bulk("news"), integer(1)}) + "-NOPERM no\r\n+PONG\r\n", 30));
  EXPECT_EQ(recorder_.seen,
            (std::vector<std::string>{"reply 2 of one subscribe at 30", "error 3 of two NOPERM no at 30", "reply 6 PONG at 30"}));
}

TEST_F(RedisSessionTest, ARequestMayNameWhoGetsItsAnswer) {
  struct Handler final : ReplyHandler {
    void on_reply(const Request& request, ReplyView reply, std::uint64_t) override {
      seen.push_back(std::to_string(static_cast<int>(request.kind)) + " " + std::string(reply.text()));
    }
    std::vector<std::string> seen;
  } handler;
  log_in();
  session_.request({RequestKind::ping}, {"PING"}, 20);
  session_.request({RequestKind::read, nullptr, &handler}, {"XRANGE", "s", "0-0", "+"}, 20);
  session_.request({RequestKind::ping}, {"PING"}, 20);
  ASSERT_TRUE(session_.receive("+one\r\n+two\r\n+three\r\n", 30));
  EXPECT_EQ(handler.seen, (std::vector<std::string>{std::to_string(static_cast<int>(RequestKind::read)) + " two"}));
  EXPECT_EQ(recorder_.take().size(), 2u);
}

TEST_F(RedisSessionTest, AServerThatWasAskedToBlockMayTakeSoMuchLonger) {
  log_in();
  const std::vector<std::string_view> arguments = {"XREAD", "BLOCK", "10000", "STREAMS", "s", "0-0"};
  session_.request({RequestKind::lane, nullptr, nullptr, 10'000}, arguments, 1000);
  EXPECT_TRUE(session_.check_timeout(1000 + 10'000 + kTimeoutMs - 1));
  EXPECT_FALSE(session_.check_timeout(1000 + 10'000 + kTimeoutMs));
}

TEST_F(RedisSessionTest, MessagesAreNoAnswers) {
  log_in();
  ping();
  EXPECT_TRUE(session_.receive(message("news", "a") + array({bulk("pmessage"), bulk("n*"), bulk("news"), bulk("b")}) +
                                   array({bulk("pong"), bulk("")}) + message("news", "c"),
                               30));
  EXPECT_EQ(recorder_.seen,
            (std::vector<std::string>{"push message news a", "push pmessage n* news b", "reply 6 pong at 30", "push message news c"}));
}

TEST_F(RedisSessionTest, TheSameComesOutWhereverTheBytesAreCut) {
  const std::string bytes =
      hello_reply() + message("news", "a\r\nb") + "-ERR no\r\n" + array({bulk("pong"), bulk("")}) + message("news", "");
  std::vector<std::string> whole;
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    // The login's answer is known first: requests are not sent before.
    session_.connected(0);
    const std::size_t login = hello_reply().size();
    for (const auto& [from, to] : {std::pair(std::size_t{0}, std::min(cut, login)), std::pair(std::min(cut, login), login)}) {
      ASSERT_TRUE(session_.receive(std::string_view(bytes).substr(from, to - from), 1));
    }
    ping();
    ping();
    const std::size_t middle = std::max(cut, login);
    ASSERT_TRUE(session_.receive(std::string_view(bytes).substr(login, middle - login), 1));
    ASSERT_TRUE(session_.receive(std::string_view(bytes).substr(middle), 1));
    whole = whole.empty() ? recorder_.seen : whole;
    ASSERT_EQ(recorder_.take(), whole) << cut;
    session_.disconnected();
  }
  EXPECT_EQ(whole, (std::vector<std::string>{"ready 7.0.15 standalone master", "push message news a\r\nb", "error 6 ERR no at 1",
                                             "reply 6 pong at 1", "push message news "}));
}

TEST_F(RedisSessionTest, ThousandsOfMessagesMayComeAtOnce) {
  log_in();
  std::string bytes;
  std::vector<std::string> expected;
  for (int i = 0; i < 5000; ++i) {
    const std::string payload(static_cast<std::size_t>(i % 100), 'x');
    bytes += message("news", payload + std::to_string(i));
    expected.push_back("push message news " + payload + std::to_string(i));
  }
  EXPECT_TRUE(session_.receive(bytes, 20));
  EXPECT_EQ(recorder_.take(), expected);
}

TEST_F(RedisSessionTest, AnAnswerForNobodyEndsTheConnection) {
  for (const auto& [bytes, why] : std::vector<std::pair<std::string, std::string>>{
           {"+OK\r\n", "the server sent an answer that nobody asked for"},
           {array({bulk("subscribe"), bulk("news"), integer(1)}), "the server sent an answer that nobody asked for"},
           {array({bulk("message"), bulk("news")}), "the server sent an answer that nobody asked for"},
           {array({integer(1), bulk("news"), bulk("x")}), "the server sent an answer that nobody asked for"},
           {"-ERR client is too slow\r\n", "ERR client is too slow"}}) {
    log_in();
    EXPECT_FALSE(session_.receive(bytes, 20));
    EXPECT_EQ(session_.error(), why);
    session_.disconnected();
  }
}

TEST_F(RedisSessionTest, AnAnswerTooManyEndsTheConnection) {
  log_in();
  ping();
  EXPECT_FALSE(session_.receive("+PONG\r\n+PONG\r\n", 30));
  EXPECT_EQ(recorder_.seen, (std::vector<std::string>{"reply 6 PONG at 30"}));
}

TEST_F(RedisSessionTest, WhatIsNotRedisEndsTheConnection) {
  for (const char* garbage : {"HTTP/1.1 400 Bad Request\r\n\r\n", "\r\n", "\x16\x03\x01", "$abc\r\n", "*-5\r\n"}) {
    session_.connected(0);
    EXPECT_FALSE(session_.receive(garbage, 1)) << garbage;
    EXPECT_EQ(session_.error(), "the server sent what is not the Redis protocol") << garbage;
    session_.disconnected();
  }
}

TEST_F(RedisSessionTest, AnEndlessAnswerEndsTheConnection) {
  log_in();
  EXPECT_FALSE(session_.receive("+" + std::string(3 * kLimits.reply, 'x'), 20));
  EXPECT_EQ(session_.error(), "the server sent a reply that is larger than the limit");
}

TEST_F(RedisSessionTest, AMessageThatIsTooLargeIsCutAndTheConnectionGoesOn) {
  log_in();
  recorder_.take();
  const auto message = [](std::size_t size) {
    return "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$" + std::to_string(size) + "\r\n" + std::string(size, 'x') + "\r\n";
  };
  EXPECT_TRUE(session_.receive(message(1'000'000) + message(1), 20));
  EXPECT_EQ(recorder_.take(), (std::vector<std::string>{"push message news ", "push message news x"}));
}

TEST_F(RedisSessionTest, NothingUnsentOrUnansweredOutlivesTheConnection) {
  log_in();
  ping();
  session_.written(3);
  EXPECT_TRUE(session_.receive("$5\r\nhal", 30));
  session_.disconnected();
  EXPECT_FALSE(session_.is_ready());
  EXPECT_EQ(session_.output(), "");
  EXPECT_TRUE(session_.check_timeout(1000000));

  session_.connected(2000);
  EXPECT_EQ(take_commands(session_), (std::vector<Command>{{"HELLO", "2", "SETNAME", "me"}}));
  EXPECT_TRUE(session_.receive(hello_reply(), 2001));
  EXPECT_EQ(recorder_.seen, (std::vector<std::string>{"ready 7.0.15 standalone master"}));
}

TEST_F(RedisSessionTest, WhatAFormerServerSaidOfItselfIsForgotten) {
  log_in();
  session_.disconnected();
  session_.connected(0);
  EXPECT_TRUE(session_.receive("*0\r\n", 1));
  EXPECT_EQ(recorder_.seen, (std::vector<std::string>{"ready   "}));
}

TEST_F(RedisSessionTest, TheTransportIsToldOnceUntilAllIsWritten) {
  session_.connected(0);
  EXPECT_EQ(transport_.calls, 1);
  take_commands(session_);
  EXPECT_TRUE(session_.receive(hello_reply(), 1));
  ping();
  ping();
  EXPECT_EQ(transport_.calls, 2);
  session_.written(5);
  ping();
  EXPECT_EQ(transport_.calls, 2);
  session_.written(session_.output().size());
  EXPECT_EQ(session_.output(), "");
  ping();
  EXPECT_EQ(transport_.calls, 3);
}

TEST_F(RedisSessionTest, OutputIsWrittenInPiecesOfAnySize) {
  log_in();
  ping();
  ping();
  const std::string all(session_.output());
  std::string written;
  while (!session_.output().empty()) {
    written += session_.output().front();
    session_.written(1);
  }
  EXPECT_EQ(written, all);
}

TEST_F(RedisSessionTest, AServerThatOwesAnAnswerForTooLongIsGivenUp) {
  log_in();
  EXPECT_TRUE(session_.check_timeout(1000000)) << "it owes nothing";
  ping(nullptr, 5000);
  EXPECT_TRUE(session_.check_timeout(5999));
  EXPECT_FALSE(session_.check_timeout(6000));
  EXPECT_EQ(session_.error(), "no answer within 1000 ms");
}

TEST_F(RedisSessionTest, ALoginMustBeAnsweredInTimeToo) {
  session_.connected(5000);
  EXPECT_TRUE(session_.check_timeout(5999));
  EXPECT_FALSE(session_.check_timeout(6000));
}

TEST_F(RedisSessionTest, AServerThatIsBusySendingIsNotDead) {
  log_in();
  ping(nullptr, 5000);
  for (std::uint64_t now_ms = 5500; now_ms < 20000; now_ms += 900) {
    EXPECT_TRUE(session_.receive(message("news", "x"), now_ms));
    EXPECT_TRUE(session_.check_timeout(now_ms + 899));
  }
  EXPECT_EQ(session_.last_received_ms(), 19900u);
  EXPECT_FALSE(session_.check_timeout(20900));
}

TEST_F(RedisSessionTest, EachRequestHasItsOwnTime) {
  log_in();
  ping(nullptr, 5000);
  ping(nullptr, 5900);
  EXPECT_TRUE(session_.receive("+PONG\r\n", 5950));
  EXPECT_TRUE(session_.check_timeout(6949));
  EXPECT_FALSE(session_.check_timeout(6950));
}

TEST_F(RedisSessionTest, ATimeoutOfZeroIsNone) {
  Session session({"", "", 0, "me"}, recorder_, transport_, kLimits, 0);
  session.connected(0);
  EXPECT_TRUE(session.check_timeout(UINT64_MAX));
}

}  // namespace
}  // namespace sse::redis
