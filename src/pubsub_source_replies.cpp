// What Redis says to a PubsubSource: that it is there, what became of a subscription, and what was published.
#include <string>

#include "channel_name.hpp"
#include "pubsub_source.hpp"

namespace sse {

using redis::ReplyType;
using redis::ReplyView;
using redis::Request;
using redis::RequestKind;

namespace {

// A refused subscription (no permission) is asked for again this often, and complained of this often.
constexpr std::uint64_t kRefusedRetryMs = 5000;
constexpr std::uint64_t kRefusedLogMs = 60000;

constexpr std::string_view kResetReason = "broker-away";

std::string quoted(std::string_view text) { return '"' + std::string(text) + '"'; }

}  // namespace

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

}  // namespace sse
