// A channel or a pattern of Redis pub/sub: its logs, and whether the broker has confirmed the subscription.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "channel_log.hpp"
#include "topic.hpp"

namespace sse {

class PubsubTopic final : public Topic {
 public:
  using Topic::Topic;

  void remove(Subscription& subscription) override;
  // At the head of the log: it gets what is published from now on.
  void attach(Subscription& subscription, const ReadOptions& reading, Framing framing, std::uint64_t now_ms) override;
  bool is_ready_for(const Subscription&) const override { return remote.confirmed; }

  // A message that came on `channel`, which for a pattern is not the topic's name. Returns false when it was dropped as too large.
  bool deliver(std::string_view channel, std::string_view payload, std::uint64_t now_ms);
  // The same for a message of which nothing was kept, as it is over every reader's limit.
  bool drop_too_large();

  // Everybody who reads here is told that messages may have been missed; who is not open yet has missed none.
  void announce_reset(std::string_view reason, std::uint64_t now_ms);

  // The state of the subscription at the broker, kept by the source. Confirmed means: the last command that was sent for it is
  // SUBSCRIBE, and it was answered well, so that answers to earlier commands do not count.
  struct Remote {
    std::uint32_t in_flight = 0;
    bool wanted = false;  // the last command that was sent is SUBSCRIBE
    bool confirmed = false;
    std::uint64_t retry_ms = 0;  // refused: when to ask again
    std::uint64_t unused_since_ms = 0;
    std::uint64_t refusal_logged_ms = 0;
  } remote;

 private:
  ChannelLog& log_for(const ReadOptions& reading, Framing framing);

  std::vector<std::unique_ptr<ChannelLog>> logs_;  // one for each encoding in use: rarely more than two
};

}  // namespace sse
