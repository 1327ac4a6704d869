#include "redis_broker.hpp"

#include <algorithm>

#include "channel_name.hpp"
#include "hash_secret.hpp"

namespace sse::ngx {

namespace {

constexpr ngx_msec_t kLongestTickMs = 500;
// Larger than any message that is not an accident: a reply above it ends the connection, a message under it is dropped alone.
constexpr std::size_t kLargestReplyBytes = 64 * 1024 * 1024;

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
      subscription_link_(conf_, "subscription", LogLevel::error, *this, subscription_owner_),
      command_link_(conf_, "command", LogLevel::warn, *this, command_owner_),
      source_(hub, *this, subscription_link_, command_link_, pubsub_options(conf_)),
      tick_ms_(std::clamp<ngx_msec_t>(conf_.read_timeout_ms / 4, 10, kLongestTickMs)) {
  subscription_link_.start(source_.subscription_session());
  command_link_.start(source_.command_session());
  tick_timer_.set_timer(tick_ms_);
}

void RedisBroker::stop() {
  tick_timer_.cancel();
  subscription_link_.stop();
  command_link_.stop();
}

PubsubOptions RedisBroker::pubsub_options(const BrokerConf& conf) {
  PubsubOptions options;
  options.login = {conf.url.user, conf.url.password, conf.url.db, "nginx-sse-" + std::to_string(ngx_pid)};
  options.probe_channel =
      std::string(kProbeChannelPrefix) + std::to_string(ngx_pid) + ':' + std::to_string(ngx_random()) + std::to_string(ngx_random());
  options.max_reply_bytes = conf.largest_message_bytes == 0 ? 0 : std::max(kLargestReplyBytes, 2 * conf.largest_message_bytes);
  options.answer_timeout_ms = conf.read_timeout_ms;
  options.hash_secret = make_hash_secret();
  return options;
}

void RedisBroker::log(LogLevel level, std::string_view message) {
  const ngx_str_t text = borrow(message);
  ngx_log_error(nginx_level(level), ngx_cycle->log, 0, "sse broker \"%s\": %V", conf_.name.c_str(), &text);
}

void RedisBroker::tick() {
  subscription_link_.check_timeout();
  command_link_.check_timeout();
  if (!source_.tick(now_ms())) {
    subscription_link_.fail("published messages do not arrive");
  }
  tick_timer_.set_timer(tick_ms_);
}

}  // namespace sse::ngx
