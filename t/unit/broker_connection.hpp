// A pub/sub source with its two connections to a FakeRedis: the test decides when bytes travel, and how many.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fake_redis.hpp"
#include "pubsub_source.hpp"

namespace sse::test {

struct RecordingLogger final : Logger {
  void log(LogLevel level, std::string_view message) override { lines.emplace_back(level, message); }
  std::size_t count(LogLevel level) const {
    return static_cast<std::size_t>(std::count_if(lines.begin(), lines.end(), [level](const auto& line) { return line.first == level; }));
  }
  std::vector<std::pair<LogLevel, std::string>> lines;
};

class BrokerConnection {
 public:
  static constexpr std::uint64_t kAnswerTimeoutMs = 2000;
  static constexpr const char* kProbeChannel = "sse:probe:1:2";
  static constexpr redis::ReplyLimits kReplyLimits = {1'000'000, 0};

  explicit BrokerConnection(Hub& hub)
      : source(hub, logger, transport_, transport_, {{"", "", 0, "me"}, kProbeChannel, kReplyLimits, kAnswerTimeoutMs}) {}

  // Connects whatever is not connected; the answers are still to travel.
  void connect(std::uint64_t now_ms) {
    if (subscriptions == nullptr) {
      subscriptions = &redis.connect();
      source.subscription_session().connected(now_ms);
    }
    if (commands == nullptr) {
      commands = &redis.connect();
      source.command_session().connected(now_ms);
    }
  }

  void lose_subscriptions(std::uint64_t now_ms = 0) {
    redis.disconnect(*subscriptions);
    subscriptions = nullptr;
    source.subscriptions_lost(now_ms);
  }

  void lose_commands() {
    redis.disconnect(*commands);
    commands = nullptr;
    source.commands_lost();
  }

  // The server gets at most `bytes` of what the sessions have written, and answers.
  void to_server(std::size_t bytes = SIZE_MAX) {
    write(source.subscription_session(), subscriptions, bytes);
    write(source.command_session(), commands, bytes);
  }

  // The sessions get at most `bytes` of what the server has to send.
  void to_sessions(std::uint64_t now_ms, std::size_t bytes = SIZE_MAX) {
    read(source.subscription_session(), subscriptions, bytes, now_ms);
    read(source.command_session(), commands, bytes, now_ms);
  }

  // Until nobody has more to say.
  void exchange(std::uint64_t now_ms) {
    do {
      to_server();
      to_sessions(now_ms);
    } while (!source.subscription_session().output().empty() || !source.command_session().output().empty());
  }

  FakeRedis redis;
  FakeRedis::Client* subscriptions = nullptr;  // null: not connected
  FakeRedis::Client* commands = nullptr;
  RecordingLogger logger;

 private:
  FakeTransport transport_;

 public:
  PubsubSource source;

 private:
  void write(redis::Session& session, FakeRedis::Client* client, std::size_t bytes) {
    if (client != nullptr) {
      const std::string output(session.output().substr(0, bytes));
      session.written(output.size());
      redis.read(*client, output);
    }
  }

  static void read(redis::Session& session, FakeRedis::Client* client, std::size_t bytes, std::uint64_t now_ms) {
    if (client != nullptr && !client->output.empty()) {
      const std::string input = client->output.substr(0, bytes);
      client->output.erase(0, bytes);
      EXPECT_TRUE(session.receive(input, now_ms)) << session.error();
    }
  }
};

}  // namespace sse::test
