#include "pubsub_source.hpp"

#include "printable.hpp"

namespace sse {

using redis::RequestKind;

namespace {

// A page reload, or the last reader of many, must not cost an UNSUBSCRIBE and a SUBSCRIBE.
constexpr std::uint64_t kLingerMs = 5000;
constexpr std::uint64_t kTooLargeLogMs = 1000;

}  // namespace

PubsubSource::PubsubSource(Hub& hub, Logger& logger, redis::SessionTransport& subscription_transport,
                           redis::SessionTransport& command_transport, const PubsubOptions& options)
    : hub_(hub),
      logger_(logger),
      command_observer_(*this),
      subscriptions_(options.login, *this, subscription_transport, options.reply_limits, options.answer_timeout_ms),
      commands_(options.login, command_observer_, command_transport, options.reply_limits, options.answer_timeout_ms),
      probe_(options.probe_channel, options.answer_timeout_ms),
      channels_(0, SecretHash(options.hash_secret)),
      patterns_(0, SecretHash(options.hash_secret)),
      too_large_log_(kTooLargeLogMs) {}

PubsubTopic* PubsubSource::find(TopicKind kind, std::string_view name) {
  key_.assign(name);
  const auto found = topics(kind).find(key_);
  return found == topics(kind).end() ? nullptr : found->second.get();
}

std::optional<Source::LimitReached> PubsubSource::limit_reached(const std::vector<ChannelName>& channels, std::size_t max_subscribers,
                                                                std::uint64_t now_ms) {
  const auto reached = find_limit(hub_.topic_budget(), channels, max_subscribers,
                                  [this](const ChannelName& channel) -> const Topic* { return find(channel.kind, channel.name); });
  if (reached && reached->limit == Limit::worker_channels) {
    stop_lingering(channels.size(), now_ms);
  }
  return reached;
}

void PubsubSource::stop_lingering(std::size_t count, std::uint64_t now_ms) {
  for (; count > 0; --count) {
    PubsubTopic* topic = lingering_.pop_front();
    if (topic == nullptr) {
      break;
    }
    send_unsubscribe(*topic, now_ms);
  }
}

void PubsubSource::add(Subscriber& subscriber, std::size_t index, TopicKind kind, std::string_view name, std::uint64_t now_ms) {
  std::unique_ptr<PubsubTopic>& topic = topics(kind)[std::string(name)];
  if (topic == nullptr) {
    topic = std::make_unique<PubsubTopic>(hub_, kind, name);
    if (hub_.topic_budget().is_tight()) {
      stop_lingering(2, now_ms);  // more than came, so that there is room again
    }
  }
  topic->add(subscriber[index]);
  static_cast<ListNode<ByLinger>&>(*topic).unlink();
  if (!topic->remote.wanted && !static_cast<ListNode<ByRetry>&>(*topic).is_linked() && subscriptions_.is_ready()) {
    send_subscribe(*topic, now_ms);
  }
}

void PubsubSource::leave(Subscriber& subscriber, std::uint64_t now_ms) {
  for (Subscription& subscription : subscriber) {
    auto* topic = static_cast<PubsubTopic*>(subscription.topic);
    if (topic == nullptr) {
      continue;
    }
    topic->remove(subscription);
    if (!topic->is_unused()) {
      continue;
    }
    if (topic->remote.wanted) {
      topic->remote.unused_since_ms = now_ms;
      lingering_.push_back(*topic);
    } else {
      erase_if_idle(*topic);
    }
  }
}

void PubsubSource::send_subscribe(PubsubTopic& topic, std::uint64_t now_ms) {
  topic.remote.wanted = true;
  ++topic.remote.in_flight;
  // One command for each channel, so that an error belongs to one channel.
  subscriptions_.request({RequestKind::subscribe, &topic}, {topic.kind() == TopicKind::channel ? "SUBSCRIBE" : "PSUBSCRIBE", topic.name()},
                         now_ms);
}

void PubsubSource::send_unsubscribe(PubsubTopic& topic, std::uint64_t now_ms) {
  topic.remote.wanted = false;
  topic.remote.confirmed = false;
  if (subscription_user_ != nullptr && topic.kind() == TopicKind::channel && subscription_user_->is_subscribed(topic.name())) {
    erase_if_idle(topic);
    return;
  }
  ++topic.remote.in_flight;
  subscriptions_.request({RequestKind::unsubscribe, &topic},
                         {topic.kind() == TopicKind::channel ? "UNSUBSCRIBE" : "PUNSUBSCRIBE", topic.name()}, now_ms);
}

// What brokers and publishers wrote stands in most lines.
void PubsubSource::log(LogLevel level, std::string_view message) { logger_.log(level, printable(message)); }

bool PubsubSource::is_channel_wanted(std::string_view channel) {
  const PubsubTopic* topic = find(TopicKind::channel, channel);
  return topic != nullptr && topic->remote.wanted;
}

void PubsubSource::subscriptions_lost(std::uint64_t now_ms) {
  // An attempt to connect that fails says that the server was away.
  cut_off_id_ = subscriptions_.is_ready() && subscriptions_.is_cut_off() ? client_id_ : 0;
  subscriptions_.disconnected();
  refused_.clear();
  lingering_.clear();
  for (Topics* all : {&channels_, &patterns_}) {
    for (auto entry = all->begin(); entry != all->end();) {
      PubsubTopic& topic = *entry->second;
      topic.remote.in_flight = 0;
      topic.remote.wanted = false;
      topic.remote.confirmed = false;
      entry = topic.is_unused() ? all->erase(entry) : std::next(entry);
    }
  }
  if (subscription_user_ != nullptr) {
    subscription_user_->subscriptions_lost(now_ms);
  }
}

void PubsubSource::commands_lost() {
  commands_.disconnected();
  probe_.command_lost();
  if (command_user_ != nullptr) {
    command_user_->commands_lost();
  }
}

bool PubsubSource::tick(std::uint64_t now_ms) {
  for (PubsubTopic* topic = lingering_.front(); topic != nullptr && now_ms - topic->remote.unused_since_ms >= kLingerMs;
       topic = lingering_.front()) {
    lingering_.pop_front();
    send_unsubscribe(*topic, now_ms);
  }
  for (PubsubTopic* topic = refused_.front(); topic != nullptr && topic->remote.retry_ms <= now_ms; topic = refused_.front()) {
    refused_.pop_front();
    send_subscribe(*topic, now_ms);
  }
  return !subscriptions_.is_ready() || probe_.check(subscriptions_, commands_, now_ms);
}

void PubsubSource::erase_if_idle(PubsubTopic& topic) {
  if (topic.is_unused() && topic.remote.in_flight == 0 && !topic.remote.wanted) {
    topics(topic.kind()).erase(std::string(topic.name()));
  }
}

}  // namespace sse
