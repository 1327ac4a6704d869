// Who subscribes through a broker's subscription connection, beside the connection's owner.
#pragma once

#include <cstdint>
#include <string_view>

#include "redis_session.hpp"

namespace sse {

// The owner of the connection, as its other user sees it.
class SubscriptionOwner {
 public:
  virtual redis::Session& subscription_session() = 0;
  // It wants the channel itself: nobody else may unsubscribe.
  virtual bool is_channel_wanted(std::string_view channel) = 0;

 protected:
  ~SubscriptionOwner() = default;
};

class SubscriptionUser {
 public:
  // The connection is up: requests may be sent. `owner` lives until the connection is lost.
  virtual void subscriptions_ready(SubscriptionOwner& owner, std::uint64_t now_ms) = 0;
  // It broke, and its session was told: no answer and no message will come.
  virtual void subscriptions_lost(std::uint64_t now_ms) = 0;
  // A message came on a channel, by its name and not by a pattern.
  virtual void on_message(std::string_view channel, std::string_view payload, std::uint64_t now_ms) = 0;
  // The owner may not unsubscribe from the channel.
  virtual bool is_subscribed(std::string_view channel) const = 0;

 protected:
  ~SubscriptionUser() = default;
};

}  // namespace sse
