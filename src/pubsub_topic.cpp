#include "pubsub_topic.hpp"

#include <algorithm>
#include <utility>

#include "frame.hpp"

namespace sse {

void PubsubTopic::remove(Subscription& subscription) {
  Topic::remove(subscription);
  ChannelLog* log = std::exchange(subscription.log, nullptr);
  if (log != nullptr && --log->holders == 0) {
    logs_.erase(std::find_if(logs_.begin(), logs_.end(), [log](const auto& held) { return held.get() == log; }));
  }
}

void PubsubTopic::attach(Subscription& subscription, const ReadOptions& reading, Framing framing, std::uint64_t) {
  subscription.log = &log_for(reading, framing);
  ++subscription.log->holders;
  subscription.log->raise_limits(reading.buffer_bytes, reading.max_message_bytes);
  subscription.log->attach(subscription);
}

ChannelLog& PubsubTopic::log_for(const ReadOptions& reading, Framing framing) {
  Encoding encoding = reading.encoding;
  encoding.framing = framing;
  for (const auto& log : logs_) {
    if (log->encoding() == encoding) {
      return *log;
    }
  }
  logs_.push_back(std::make_unique<ChannelLog>(name(), encoding, hub_.log_observer(), hub_.memory()));
  return *logs_.back();
}

bool PubsubTopic::deliver(std::string_view channel, std::string_view payload, std::uint64_t now_ms) {
  Counters& counters = hub_.counters();
  bool fits = true;
  for (const auto& log : logs_) {
    const MessageEncoder::Result message = hub_.encoder().encode(log->encoding(), channel, payload, log->max_message_bytes());
    counters.payloads_not_json += message.notes.not_json ? 1 : 0;
    counters.fields_invalid += message.notes.invalid_field ? 1 : 0;
    if (message.too_large) {
      fits = false;
      ++counters.messages_too_large;
    } else if (message.empty) {
      ++counters.messages_empty;
    } else {
      hub_.publish(*log, message.frame, message.id, now_ms);
    }
  }
  ++counters.messages_received;
  return fits;
}

bool PubsubTopic::drop_too_large() {
  hub_.counters().messages_too_large += logs_.size();
  ++hub_.counters().messages_received;
  return logs_.empty();
}

void PubsubTopic::announce_reset(std::string_view reason, std::uint64_t now_ms) {
  for (const auto& log : logs_) {
    std::string frame;
    append_framed(frame, log->encoding().framing, reset_block(log->encoding().reset_event, reason, name()));
    hub_.counters().resets += log->attached();
    hub_.publish(*log, frame, {}, now_ms);
  }
}

}  // namespace sse
