#include "pubsub_source.hpp"

#include <algorithm>

#include "channel_name.hpp"
#include "printable.hpp"

namespace sse {

using redis::ReplyType;
using redis::ReplyView;
using redis::Request;
using redis::RequestKind;

namespace {

// A page reload, or the last reader of many, must not cost an UNSUBSCRIBE and a SUBSCRIBE.
constexpr std::uint64_t kLingerMs = 5000;
// A refused subscription (no permission) is asked for again this often, and complained of this often.
constexpr std::uint64_t kRefusedRetryMs = 5000;
constexpr std::uint64_t kRefusedLogMs = 60000;
constexpr std::uint64_t kTooLargeLogMs = 1000;

constexpr std::string_view kResetReason = "broker-away";

std::string quoted(std::string_view text) { return '"' + std::string(text) + '"'; }

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

void PubsubSource::on_ready(const redis::ServerInfo& server, std::uint64_t now_ms) {
  log(LogLevel::notice, "connected, version " + server.version + ", " + server.mode + ", " + server.role);
  note_overflow(server);
  probe_.begin(subscriptions_, now_ms);
  for (Topics* all : {&channels_, &patterns_}) {
    for (auto& [name, topic] : *all) {
      send_subscribe(*topic, now_ms);
    }
  }
  if (subscription_user_ != nullptr) {
    subscription_user_->subscriptions_ready(*this, now_ms);
  }
}

// Redis tells nobody that it cut off who was too far behind. But then it has more to say than it could, and the connection ends in the
// middle of a message; and it lives on, where each client has a greater id than those before it. (A single message beyond the limit is
// not begun: that ends as any other loss.)
void PubsubSource::note_overflow(const redis::ServerInfo& server) {
  client_id_ = server.client_id;
  if (cut_off_id_ != 0 && client_id_ > cut_off_id_) {
    ++hub_.counters().overflows;
    log(LogLevel::warn,
        "the subscription connection ended in the middle of a message: this worker was too far behind, see "
        "\"client-output-buffer-limit pubsub\"");
  }
  cut_off_id_ = 0;
}

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

void PubsubSource::on_reply(const Request& request, ReplyView reply, std::uint64_t now_ms) {
  switch (request.kind) {
    case RequestKind::subscribe:
      on_subscribe_reply(*static_cast<PubsubTopic*>(request.context), reply, now_ms);
      break;
    case RequestKind::unsubscribe: {
      PubsubTopic& topic = *static_cast<PubsubTopic*>(request.context);
      --topic.remote.in_flight;
      erase_if_idle(topic);
      break;
    }
    case RequestKind::probe_subscribe:
      if (!probe_.on_subscribed(reply)) {
        log_probe_refused(reply);
      }
      break;
    default:
      break;
  }
}

void PubsubSource::CommandObserver::on_ready(const redis::ServerInfo&, std::uint64_t now_ms) {
  if (source.command_user_ != nullptr) {
    source.command_user_->commands_ready(now_ms);
  }
}

void PubsubSource::CommandObserver::on_reply(const Request& request, ReplyView reply, std::uint64_t now_ms) {
  if (request.kind == RequestKind::probe_publish && !source.probe_.on_published(reply, now_ms)) {
    source.log_probe_refused(reply);
  }
}

void PubsubSource::log_probe_refused(ReplyView reply) {
  log(LogLevel::notice, "delivery cannot be probed, PING has to do: " + std::string(reply.text()));
}

void PubsubSource::on_subscribe_reply(PubsubTopic& topic, ReplyView reply, std::uint64_t now_ms) {
  --topic.remote.in_flight;
  if (topic.remote.in_flight != 0 || !topic.remote.wanted) {
    return;  // a later command decides
  }
  if (reply.type() == ReplyType::error) {
    on_refused(topic, reply.text(), now_ms);
  } else {
    on_confirmed(topic, now_ms);
  }
}

void PubsubSource::on_confirmed(PubsubTopic& topic, std::uint64_t now_ms) {
  topic.remote.confirmed = true;
  // Who has a stream open already was without this subscription until now.
  topic.announce_reset(kResetReason, now_ms);
  topic.admit_waiting();
}

void PubsubSource::on_refused(PubsubTopic& topic, std::string_view error, std::uint64_t now_ms) {
  topic.remote.wanted = false;
  if (topic.is_unused()) {
    erase_if_idle(topic);
    return;
  }
  if (topic.remote.refusal_logged_ms == 0 || now_ms - topic.remote.refusal_logged_ms >= kRefusedLogMs) {
    topic.remote.refusal_logged_ms = now_ms;
    log(LogLevel::error, std::string(topic.kind() == TopicKind::channel ? "channel " : "pattern ") + quoted(topic.name()) +
                             " refused: " + std::string(error));
  }
  topic.remote.retry_ms = now_ms + kRefusedRetryMs;
  refused_.push_back(topic);
}

void PubsubSource::on_push(ReplyView push, std::uint64_t now_ms) {
  const bool by_pattern = push.at(0).text() == "pmessage";
  if (push.size() != (by_pattern ? 4U : 3U)) {
    return;
  }
  const std::string_view name = push.at(1).text();
  const std::string_view channel = by_pattern ? push.at(2).text() : name;
  const ReplyView payload = push.at(by_pattern ? 3 : 2);
  if (channel.substr(0, kProbeChannelPrefix.size()) == kProbeChannelPrefix) {  // a pattern may match the probes of others
    probe_.on_message(channel, payload.text());
    return;
  }
  if (subscription_user_ != nullptr && !by_pattern) {
    subscription_user_->on_message(channel, payload.text(), now_ms);
  }
  PubsubTopic* topic = find(by_pattern ? TopicKind::pattern : TopicKind::channel, name);
  if (topic == nullptr) {
    return;
  }
  const bool fits = payload.is_cut() ? topic->drop_too_large() : topic->deliver(channel, payload.text(), now_ms);
  if (!fits && too_large_log_.allows(now_ms)) {
    const std::size_t size = payload.is_cut() ? payload.cut_bytes() : payload.text().size();
    log(LogLevel::warn, "message of " + std::to_string(size) + " bytes on channel " + quoted(channel) + " dropped: over sse_max_message" +
                            too_large_log_.take_note());
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
