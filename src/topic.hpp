// A channel or a pattern at one broker, and who reads it here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

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
  virtual ~Topic() = default;

  TopicKind kind() const { return kind_; }
  const std::string& name() const { return name_; }
  std::size_t readers() const { return readers_; }  // open or waiting
  bool is_unused() const { return readers_ == 0; }

  // The subscription waits here for the broker's confirmation.
  void add(Subscription& subscription);
  // The opposite, at any time. The hub has forgotten its subscriber.
  virtual void remove(Subscription& subscription);
  // The stream opens: the subscription gets its place in a log of this encoding.
  virtual void attach(Subscription& subscription, const ReadOptions& reading, Framing framing, std::uint64_t now_ms) = 0;

  // For durable channels. The subscription has left its log, because it was too slow or this worker was.
  virtual void park(Subscription&, std::uint64_t) {}
  // There is room again, parked or not.
  virtual void resume(Subscription&, std::uint64_t) {}

  // What this waiting subscription waits for has come.
  virtual bool is_ready_for(const Subscription& subscription) const = 0;
  List<Subscription>& waiting() { return waiting_; }
  // Has the hub admit those who wait here, as far as all their topics are ready for them.
  void admit_waiting();

 protected:
  Hub& hub_;

 private:
  TopicBudget::Place place_;
  TopicKind kind_;
  std::string name_;
  List<Subscription> waiting_;
  std::size_t readers_ = 0;
};

// Has the hub admit a waiting subscriber if all its topics are ready for it.
void admit_if_ready(Hub& hub, Subscriber& subscriber);

}  // namespace sse
