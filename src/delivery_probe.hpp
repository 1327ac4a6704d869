// Is the subscription alive? A socket that answers proves less than a message that arrives: after a silence, a nonce is published
// through the command connection, and must come back through the subscription connection.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "redis_session.hpp"

namespace sse {

class DeliveryProbe {
 public:
  // `channel`: of this probe alone. `interval_ms`: the silence that calls for a probe, and how long a published nonce may take.
  DeliveryProbe(std::string channel, std::uint64_t interval_ms) : channel_(std::move(channel)), interval_ms_(interval_ms) {}

  // The subscription connection is up (again): subscribes to the probe's channel.
  void begin(redis::Session& subscription, std::uint64_t now_ms);

  // Asks when it is time to. False: what was published did not arrive, the subscription connection is of no use.
  bool check(redis::Session& subscription, redis::Session& command, std::uint64_t now_ms);

  // Without permission for the channel the probe makes do with PING; false then, and `error` is Redis's.
  bool on_subscribed(const redis::ReplyView& reply);
  bool on_published(const redis::ReplyView& reply, std::uint64_t now_ms);

  // The command connection broke: a nonce that it had in hand may never be published.
  void command_lost() { state_ = State::idle; }

  // A message came on the channel of this or another probe.
  void on_message(std::string_view channel, std::string_view payload);

 private:
  enum class State : std::uint8_t { idle, asked, published };

  std::string channel_;
  std::uint64_t interval_ms_;
  bool subscribed_ = false;
  State state_ = State::idle;
  std::uint64_t pinged_ms_ = 0;
  std::uint64_t published_ms_ = 0;
  std::uint64_t nonce_ = 0;
};

}  // namespace sse
