#include "stream_source.hpp"

#include <algorithm>

#include "passing_error.hpp"
#include "printable.hpp"

namespace sse {

namespace {

// What a client that reconnects has missed is in the window of a channel that was kept.
constexpr std::uint64_t kLingerMs = 30'000;
constexpr std::uint64_t kRefusedRetryMs = 5000;
constexpr std::uint64_t kPassingRetryMs = 500;
constexpr std::uint64_t kTooLargeLogMs = 1000;
// A silent channel is asked for what its bells may not tell: that its ids went back.
constexpr std::uint64_t kSilenceMs = 30'000;
constexpr std::uint64_t kTicksPerSilence = 60;
constexpr std::uint64_t kUnprovenMs = 1000;

}  // namespace

StreamSource::StreamSource(Hub& hub, Logger& logger, redis::Session& commands, Lanes& lanes, const HashSecret& hash_secret,
                           std::size_t most_asked_bytes)
    : hub_(hub),
      logger_(logger),
      commands_(commands),
      pace_(commands, most_asked_bytes),
      lanes_(lanes),
      bells_(lanes, logger, hash_secret),
      replication_(commands),
      pages_(hash_secret),
      topics_(0, SecretHash(hash_secret)),
      too_large_log_(kTooLargeLogMs) {}

StreamSource::~StreamSource() {
  for (auto& [name, topic] : topics_) {
    bells_.remove(*topic, 0);
  }
}

std::optional<Source::LimitReached> StreamSource::limit_reached(const std::vector<ChannelName>& channels, std::size_t max_subscribers,
                                                                std::uint64_t now_ms) {
  const auto reached = find_limit(hub_.topic_budget(), channels, max_subscribers, [this](const ChannelName& channel) -> const Topic* {
    const auto found = topics_.find(channel.name);
    return found == topics_.end() ? nullptr : found->second.get();
  });
  if (reached && reached->limit == Limit::worker_channels) {
    stop_lingering(channels.size(), now_ms);
  }
  return reached;
}

void StreamSource::add(Subscriber& subscriber, std::size_t index, TopicKind, std::string_view name, std::uint64_t now_ms) {
  std::unique_ptr<StreamTopic>& topic = topics_[std::string(name)];
  if (topic == nullptr) {
    topic = std::make_unique<StreamTopic>(hub_, static_cast<StreamHost&>(*this), name);
    checked_.push_back(*topic);
    if (topics_.size() == 1 && commands_.is_ready()) {
      replication_.connected(now_ms);
    }
    if (hub_.topic_budget().is_tight()) {
      stop_lingering(2, now_ms);  // more than came, so that there is room again
    }
  }
  static_cast<ListNode<ByLinger>&>(*topic).unlink();
  topic->add(subscriber[index], now_ms);
}

void StreamSource::leave(Subscriber& subscriber, std::uint64_t now_ms) {
  for (Subscription& subscription : subscriber) {
    auto* topic = static_cast<StreamTopic*>(subscription.topic);
    if (topic == nullptr) {
      continue;
    }
    topic->remove(subscription);
    if (topic->is_unused()) {
      topic->unused_since_ms = now_ms;
      lingering_.push_back(*topic);
    }
  }
}

void StreamSource::commands_ready(std::uint64_t now_ms) {
  if (!topics_.empty()) {
    replication_.connected(now_ms);
  }
  for (auto& [name, topic] : topics_) {
    if (!topic->is_unused()) {
      topic->connected(now_ms);
    }
  }
  for (StreamTopic* topic = lingering_.front(); topic != nullptr; topic = lingering_.after(*topic)) {
    topic->connected(now_ms);
  }
}

void StreamSource::commands_lost() {
  lanes_.command_lost();
  replication_.connection_lost();
  pace_.connection_lost();
  refused_.clear();
  passing_.clear();
  for (auto& [name, topic] : topics_) {
    topic->connection_lost();
  }
}

void StreamSource::stop_lingering(std::size_t count, std::uint64_t now_ms) {
  for (StreamTopic* topic = lingering_.front(); topic != nullptr && count > 0; --count) {
    StreamTopic& oldest = *topic;
    topic = lingering_.after(oldest);
    if (!oldest.is_awaited()) {
      erase(oldest, now_ms);
    }
  }
}

void StreamSource::erase(StreamTopic& topic, std::uint64_t now_ms) {
  bells_.remove(topic, now_ms);
  topics_.erase(std::string(topic.name()));
}

void StreamSource::tick(std::uint64_t now_ms) {
  for (StreamTopic* topic = lingering_.front(); topic != nullptr && now_ms - topic->unused_since_ms >= kLingerMs;) {
    StreamTopic& unused = *topic;
    topic = lingering_.after(unused);
    if (!unused.is_awaited()) {
      erase(unused, now_ms);
    }
  }
  if (!topics_.empty()) {
    replication_.tick(now_ms);
  }
  for (auto* waiting : {&refused_, &passing_}) {
    for (StreamTopic* topic = waiting->front(); topic != nullptr && topic->retry_ms <= now_ms; topic = waiting->front()) {
      waiting->pop_front();
      topic->connected(now_ms);
    }
  }
  bells_.tick(now_ms);
  prove_taken(now_ms);
  check_silent(now_ms);
}

void StreamSource::on_taken(StreamTopic& topic, std::uint64_t now_ms) {
  if (!static_cast<ListNode<ByProof>&>(topic).is_linked()) {
    topic.taken_ms = now_ms;
    unproven_.push_back(topic);
  }
}

// For the end of a rush: as long as it lasts, topics do it by themselves.
void StreamSource::prove_taken(std::uint64_t now_ms) {
  for (StreamTopic* topic = unproven_.front(); topic != nullptr && now_ms - topic->taken_ms >= kUnprovenMs; topic = unproven_.front()) {
    unproven_.pop_front();
    topic->prove(now_ms);
  }
}

// Some at each tick, so that all have their turn within the time, and not all at once.
void StreamSource::check_silent(std::uint64_t now_ms) {
  if (!commands_.is_ready()) {
    return;
  }
  for (std::size_t left = topics_.size() / kTicksPerSilence + 1; left > 0; --left) {
    StreamTopic* topic = checked_.front();
    if (topic == nullptr || now_ms - topic->checked_ms < kSilenceMs) {
      return;
    }
    checked_.push_back(*topic);
    topic->checked_ms = now_ms;
    if (!static_cast<ListNode<ByRetry>&>(*topic).is_linked()) {
      topic->check(now_ms);
    }
  }
}

void StreamSource::on_refused(StreamTopic& topic, std::string_view error, std::uint64_t now_ms) {
  const bool passes = redis::is_passing_error(error);
  if (!static_cast<ListNode<ByRetry>&>(topic).is_linked()) {
    bells_.pause(topic, now_ms);
    topic.retry_ms = now_ms + (passes ? kPassingRetryMs : kRefusedRetryMs);
    (passes ? passing_ : refused_).push_back(topic);
  }
  lanes_.refusals().log(passes ? LogLevel::warn : LogLevel::error, "channel \"" + topic.name() + "\" cannot be read", error, now_ms);
}

void StreamSource::on_too_large(const StreamTopic& topic, const StreamEntry& entry, std::uint64_t now_ms) {
  if (too_large_log_.allows(now_ms)) {
    logger_.log(LogLevel::warn, printable("entry " + to_string(entry.id) + " of channel \"" + topic.name() +
                                          "\" left out: over sse_max_message" + too_large_log_.take_note()));
  }
}

}  // namespace sse
