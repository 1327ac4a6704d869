// A channel or a pattern at one broker: who reads it here, and whether the broker has confirmed the subscription.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "channel_log.hpp"
#include "hub.hpp"
#include "list.hpp"
#include "subscriber.hpp"

namespace sse {

enum class TopicKind : std::uint8_t { channel, pattern };

// One of the names that a request subscribes to.
struct ChannelName {
  TopicKind kind;
  std::string name;

  bool operator==(const ChannelName& other) const { return kind == other.kind && name == other.name; }
};

struct ByLinger;  // tags of the source's lists
struct ByRetry;

class Topic : public ListNode<ByLinger>, public ListNode<ByRetry> {
 public:
  Topic(Hub& hub, TopicKind kind, std::string_view name) : hub_(hub), place_(hub.topic_budget()), kind_(kind), name_(name) {}

  TopicKind kind() const { return kind_; }
  const std::string& name() const { return name_; }
  std::size_t readers() const { return readers_; }  // open or waiting
  bool is_unused() const { return readers_ == 0; }

  // The subscription waits here for the broker's confirmation.
  void add(Subscription& subscription);
  // The opposite, at any time. The hub has forgotten its subscriber.
  void remove(Subscription& subscription);
  // The stream opens: the subscription gets a cursor at the head of the log in this encoding.
  void attach(Subscription& subscription, const ReadOptions& reading, Framing framing);

  // A message that came on `channel`, which for a pattern is not the topic's name. Returns false when it was dropped as too large.
  bool deliver(std::string_view channel, std::string_view payload, std::uint64_t now_ms);

  // Everybody who reads here is told that messages may have been missed; who is not open yet has missed none.
  void announce_reset(std::string_view reason, std::uint64_t now_ms);

  List<Subscription>& waiting() { return waiting_; }

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

  Hub& hub_;
  TopicBudget::Place place_;
  TopicKind kind_;
  std::string name_;
  std::vector<std::unique_ptr<ChannelLog>> logs_;  // one for each encoding in use: rarely more than two
  List<Subscription> waiting_;
  std::size_t readers_ = 0;
};

}  // namespace sse
