#include "redis_broker.hpp"

#include <algorithm>

#include "channel_name.hpp"
#include "hash_secret.hpp"

namespace sse::ngx {

namespace {

constexpr ngx_msec_t kLongestTickMs = 500;
// One turn of the event loop, in which sockets come before timers.
constexpr ngx_msec_t kReadFirstMs = 1;
// What a location's limit on messages must never cut off: names of channels, errors.
constexpr std::size_t kLeastValueLimit = std::size_t{64} * 1024;
// Of one answer. Messages are far smaller, as they are cut one by one.
constexpr std::size_t kLeastReplyLimit = std::size_t{64} * 1024 * 1024;

redis::ReplyLimits reply_limits(std::size_t largest_message_bytes) {
  if (largest_message_bytes == 0) {
    return {};
  }
  return {std::max(kLeastValueLimit, largest_message_bytes), std::max(kLeastReplyLimit, 2 * largest_message_bytes)};
}

ngx_uint_t nginx_level(LogLevel level) {
  switch (level) {
    case LogLevel::error:
      return NGX_LOG_ERR;
    case LogLevel::warn:
      return NGX_LOG_WARN;
    case LogLevel::notice:
      return NGX_LOG_NOTICE;
    case LogLevel::info:
      break;
  }
  return NGX_LOG_INFO;
}

}  // namespace

RedisBroker::RedisBroker(const BrokerConf& conf, Hub& hub)
    : conf_(conf),
      hub_(hub),
      subscription_link_(conf_, "subscription", LogLevel::error, *this, subscription_owner_),
      command_link_(conf_, "command", LogLevel::warn, *this, command_owner_),
      source_(hub, *this, subscription_link_, command_link_, pubsub_options(conf_)),
      lanes_(conf_, *this, source_.command_session(), lanes_options(conf_)),
      streams_(hub, *this, source_.command_session(), lanes_.lanes(), make_hash_secret()),
      tick_ms_(std::clamp<ngx_msec_t>(conf_.read_timeout_ms / 4, 10, kLongestTickMs)) {
  source_.set_command_user(&streams_);
  source_.set_subscription_user(&streams_.bells());
  subscription_link_.start(source_.subscription_session());
  command_link_.start(source_.command_session());
  tick_timer_.set_timer(tick_ms_);
}

void RedisBroker::stop() {
  tick_timer_.cancel();
  source_.set_subscription_user(nullptr);
  streams_.bells().stop();  // nobody goes back to the lanes
  lanes_.stop();
  subscription_link_.stop();
  command_link_.stop();
}

PubsubOptions RedisBroker::pubsub_options(const BrokerConf& conf) {
  PubsubOptions options;
  options.login = {conf.url.user, conf.url.password, conf.url.db, "nginx-sse-" + std::to_string(ngx_pid)};
  options.probe_channel =
      std::string(kProbeChannelPrefix) + std::to_string(ngx_pid) + ':' + std::to_string(ngx_random()) + std::to_string(ngx_random());
  options.reply_limits = reply_limits(conf.largest_message_bytes);
  options.answer_timeout_ms = conf.read_timeout_ms;
  options.hash_secret = make_hash_secret();
  return options;
}

LanesOptions RedisBroker::lanes_options(const BrokerConf& conf) {
  LanesOptions options;
  const PubsubOptions others = pubsub_options(conf);
  options.lane.login = others.login;
  options.lane.reply_limits = others.reply_limits;
  options.lane.answer_timeout_ms = conf.read_timeout_ms;
  options.seed = static_cast<std::uint32_t>(ngx_random());
  return options;
}

void RedisBroker::LinkOwner::link_lost() {
  (broker.*lost)();
  broker.lanes_.lanes().connection_lost();
}

void RedisBroker::log(LogLevel level, std::string_view message) {
  const ngx_str_t text = borrow(message);
  ngx_log_error(nginx_level(level), ngx_cycle->log, 0, "sse broker \"%s\": %V", conf_.name.c_str(), &text);
}

void RedisBroker::tick() {
  const ngx_time_t* wall = ngx_timeofday();
  hub_.set_wall_offset(static_cast<std::uint64_t>(wall->sec) * 1000 + wall->msec - now_ms());
  // A worker that was stopped is late itself, and nginx calls what is due before it reads what has come meanwhile.
  const bool was_away = now_ms() - ticked_ms_ > tick_ms_ + conf_.read_timeout_ms / 2;
  ticked_ms_ = now_ms();
  is_reading_first_ = was_away && !is_reading_first_;
  if (is_reading_first_) {
    tick_timer_.set_timer(kReadFirstMs);
    return;
  }
  subscription_link_.check_timeout();
  command_link_.check_timeout();
  lanes_.check_timeouts();
  if (!source_.tick(now_ms())) {
    subscription_link_.fail("published messages do not arrive");
  }
  streams_.tick(now_ms());
  tick_timer_.set_timer(tick_ms_);
}

}  // namespace sse::ngx
