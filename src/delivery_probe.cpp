#include "delivery_probe.hpp"

#include <algorithm>

namespace sse {

using redis::ReplyType;
using redis::RequestKind;

void DeliveryProbe::begin(redis::Session& subscription, std::uint64_t now_ms) {
  subscribed_ = false;
  state_ = State::idle;
  pinged_ms_ = 0;
  subscription.request({RequestKind::probe_subscribe}, {"SUBSCRIBE", channel_}, now_ms);
}

bool DeliveryProbe::on_subscribed(const redis::ReplyView& reply) {
  subscribed_ = reply.type() != ReplyType::error;
  return subscribed_;
}

bool DeliveryProbe::on_published(const redis::ReplyView& reply, std::uint64_t now_ms) {
  if (reply.type() == ReplyType::error) {
    subscribed_ = false;
    state_ = State::idle;
    return false;
  }
  if (state_ == State::asked) {  // else the nonce was faster than the answer
    state_ = State::published;
    published_ms_ = now_ms;
  }
  return true;
}

void DeliveryProbe::on_message(std::string_view channel, std::string_view payload) {
  if (channel == channel_ && payload == std::to_string(nonce_)) {
    state_ = State::idle;
  }
}

bool DeliveryProbe::check(redis::Session& subscription, redis::Session& command, std::uint64_t now_ms) {
  const std::uint64_t heard_ms = subscription.last_received_ms();
  if (state_ == State::published && now_ms - std::max(heard_ms, published_ms_) >= interval_ms_) {
    return false;
  }
  if (now_ms - std::max(heard_ms, pinged_ms_) < interval_ms_) {
    return true;
  }
  pinged_ms_ = now_ms;
  subscription.request({RequestKind::ping}, {"PING"}, now_ms);
  if (subscribed_ && state_ == State::idle && command.is_ready()) {
    const std::string nonce = std::to_string(++nonce_);
    state_ = State::asked;
    command.request({RequestKind::probe_publish}, {"PUBLISH", channel_, nonce}, now_ms);
  }
  return true;
}

}  // namespace sse
