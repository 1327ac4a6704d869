// One broker as one worker has it: a subscription connection, a command connection, and what is read through them.
#pragma once

#include "durable_options.hpp"
#include "hub.hpp"
#include "lane_link.hpp"
#include "logger.hpp"
#include "loop_event.hpp"
#include "pubsub_source.hpp"
#include "redis_link.hpp"
#include "stream_source.hpp"

namespace sse::ngx {

class RedisBroker final : private Logger {
 public:
  // Connects at once, so that the log tells of a wrong address or password before the first subscriber comes.
  RedisBroker(const BrokerConf& conf, Hub& hub);

  // Of this type's channels.
  Source& source(ChannelType type) {
    if (type == ChannelType::stream) {
      return streams_;
    }
    return source_;
  }

  // Leaves Redis for good.
  void stop();

 private:
  struct LinkOwner final : RedisLinkOwner {
    LinkOwner(RedisBroker& owner, void (RedisBroker::*told)()) : broker(owner), lost(told) {}
    void link_lost() override;
    RedisBroker& broker;
    void (RedisBroker::*lost)();
  };

  static PubsubOptions pubsub_options(const BrokerConf& conf);
  static LanesOptions lanes_options(const BrokerConf& conf);

  void log(LogLevel level, std::string_view message) override;
  void subscriptions_lost() { source_.subscriptions_lost(now_ms()); }
  void commands_lost() { source_.commands_lost(); }
  void tick();

  // A copy: a worker without a master outlives the configuration that named the broker first.
  const BrokerConf conf_;
  Hub& hub_;
  LinkOwner subscription_owner_{*this, &RedisBroker::subscriptions_lost};
  LinkOwner command_owner_{*this, &RedisBroker::commands_lost};
  RedisLink subscription_link_;
  RedisLink command_link_;
  PubsubSource source_;
  LaneLinks lanes_;
  StreamSource streams_;
  ngx_msec_t tick_ms_;
  std::uint64_t ticked_ms_ = now_ms();
  bool is_reading_first_ = false;  // the last tick was put off
  LoopEvent tick_timer_ = LoopEvent::calling<RedisBroker, &RedisBroker::tick>(this);
};

}  // namespace sse::ngx
