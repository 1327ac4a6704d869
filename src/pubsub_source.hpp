// Messages from Redis pub/sub: subscribes to what somebody reads here, and hands what arrives to the topics' logs. Live only: after a
// broken connection everybody is told with a reset. One for each broker and worker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "command_user.hpp"
#include "delivery_probe.hpp"
#include "hub.hpp"
#include "logger.hpp"
#include "pubsub_topic.hpp"
#include "redis_session.hpp"
#include "secret_hash.hpp"
#include "source.hpp"
#include "subscription_user.hpp"

namespace sse {

struct PubsubOptions {
  redis::Login login;
  std::string probe_channel;  // of this worker and broker alone
  redis::ReplyLimits reply_limits;
  std::uint64_t answer_timeout_ms = 0;
  HashSecret hash_secret{};
};

class PubsubSource final : public Source, public SubscriptionOwner, private redis::SessionObserver {
 public:
  // Hub, logger and transports (of the two connections) must outlive the source.
  PubsubSource(Hub& hub, Logger& logger, redis::SessionTransport& subscription_transport, redis::SessionTransport& command_transport,
               const PubsubOptions& options);
  PubsubSource(const PubsubSource&) = delete;
  PubsubSource& operator=(const PubsubSource&) = delete;

  redis::Session& subscription_session() override { return subscriptions_; }
  redis::Session& command_session() { return commands_; }
  // Null, as in the beginning: nobody else uses the command connection. Must outlive this.
  void set_command_user(CommandUser* user) { command_user_ = user; }
  // The same for the subscription connection.
  void set_subscription_user(SubscriptionUser* user) { subscription_user_ = user; }

  std::optional<LimitReached> limit_reached(const std::vector<ChannelName>& channels, std::size_t max_subscribers,
                                            std::uint64_t now_ms) override;
  void add(Subscriber& subscriber, std::size_t index, TopicKind kind, std::string_view name, std::uint64_t now_ms) override;
  void subscribe(Subscriber& subscriber) override { admit_if_ready(hub_, subscriber); }
  void leave(Subscriber& subscriber, std::uint64_t now_ms) override;

  // The connection's socket is closed.
  void subscriptions_lost(std::uint64_t now_ms);
  void commands_lost();

  // To be called several times in `answer_timeout_ms`. False: messages do not arrive, the subscription connection is of no use.
  bool tick(std::uint64_t now_ms);

  std::size_t topic_count() const { return channels_.size() + patterns_.size(); }

 private:
  using Topics = std::unordered_map<std::string, std::unique_ptr<PubsubTopic>, SecretHash>;

  struct CommandObserver final : redis::SessionObserver {
    explicit CommandObserver(PubsubSource& owner) : source(owner) {}
    void on_ready(const redis::ServerInfo&, std::uint64_t now_ms) override;
    void on_reply(const redis::Request& request, redis::ReplyView reply, std::uint64_t now_ms) override;
    void on_push(redis::ReplyView, std::uint64_t) override {}
    PubsubSource& source;
  };

  void on_ready(const redis::ServerInfo& server, std::uint64_t now_ms) override;
  void on_reply(const redis::Request& request, redis::ReplyView reply, std::uint64_t now_ms) override;
  void on_push(redis::ReplyView push, std::uint64_t now_ms) override;

  Topics& topics(TopicKind kind) { return kind == TopicKind::channel ? channels_ : patterns_; }
  PubsubTopic* find(TopicKind kind, std::string_view name);
  // Gives up at most so many topics that nobody reads, the longest unused first.
  void stop_lingering(std::size_t count, std::uint64_t now_ms);
  void send_subscribe(PubsubTopic& topic, std::uint64_t now_ms);
  void send_unsubscribe(PubsubTopic& topic, std::uint64_t now_ms);
  void on_subscribe_reply(PubsubTopic& topic, redis::ReplyView reply, std::uint64_t now_ms);
  void on_confirmed(PubsubTopic& topic, std::uint64_t now_ms);
  void on_refused(PubsubTopic& topic, std::string_view error, std::uint64_t now_ms);
  void log(LogLevel level, std::string_view message);
  void note_overflow(const redis::ServerInfo& server);
  void log_probe_refused(redis::ReplyView reply);
  void erase_if_idle(PubsubTopic& topic);
  bool is_channel_wanted(std::string_view channel) override;

  Hub& hub_;
  Logger& logger_;
  CommandObserver command_observer_;
  CommandUser* command_user_ = nullptr;
  SubscriptionUser* subscription_user_ = nullptr;
  redis::Session subscriptions_;
  redis::Session commands_;
  DeliveryProbe probe_;
  Topics channels_;
  Topics patterns_;
  List<PubsubTopic, ByLinger> lingering_;  // unused, oldest first
  List<PubsubTopic, ByRetry> refused_;     // to be asked again, soonest first
  std::string key_;                        // scratch for look-ups
  LogLimit too_large_log_;
  std::int64_t client_id_ = 0;   // of the subscription connection
  std::int64_t cut_off_id_ = 0;  // the last one's, if it was ended in the middle of a message; else 0
};

}  // namespace sse
