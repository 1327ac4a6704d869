// Durable channels of one broker in one worker: one topic for each Redis stream that somebody reads here. They ask through the broker's
// command connection, and are woken by bells or lanes.
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
#include "hub.hpp"
#include "keyspace_bells.hpp"
#include "lanes.hpp"
#include "logger.hpp"
#include "replication_watch.hpp"
#include "secret_hash.hpp"
#include "source.hpp"
#include "stream_topic.hpp"

namespace sse {

class StreamSource final : public Source, public CommandUser, private StreamHost {
 public:
  // All must outlive the source.
  // `most_asked_bytes`: see QueryPace.
  StreamSource(Hub& hub, Logger& logger, redis::Session& commands, Lanes& lanes, const HashSecret& hash_secret,
               std::size_t most_asked_bytes = QueryPace::kMostBytes);
  StreamSource(const StreamSource&) = delete;
  StreamSource& operator=(const StreamSource&) = delete;
  ~StreamSource();

  std::optional<LimitReached> limit_reached(const std::vector<ChannelName>& channels, std::size_t max_subscribers,
                                            std::uint64_t now_ms) override;
  // Requires that the subscriber is durable.
  void add(Subscriber& subscriber, std::size_t index, TopicKind kind, std::string_view name, std::uint64_t now_ms) override;
  void subscribe(Subscriber& subscriber) override { admit_if_ready(hub_, subscriber); }
  void leave(Subscriber& subscriber, std::uint64_t now_ms) override;

  void commands_ready(std::uint64_t now_ms) override;
  void commands_lost() override;

  // To be called about twice a second.
  void tick(std::uint64_t now_ms);

  // To be made the user of the subscription connection to the same server. Else all is left to the lanes.
  KeyspaceBells& bells() { return bells_; }

  std::size_t topic_count() const { return topics_.size(); }

 private:
  using Topics = std::unordered_map<std::string, std::unique_ptr<StreamTopic>, SecretHash>;

  QueryPace& pace() override { return pace_; }
  const StreamPages& pages() const override { return pages_; }
  ReplicationWatch& replication() override { return replication_; }
  void listen(StreamTopic& topic, std::uint64_t now_ms) override { bells_.listen(topic, now_ms); }
  void on_lane_told(StreamTopic& topic, std::uint64_t now_ms) override { bells_.on_lane_told(topic, now_ms); }
  void on_taken(StreamTopic& topic, std::uint64_t now_ms) override;
  void on_refused(StreamTopic& topic, std::string_view error, std::uint64_t now_ms) override;
  void on_too_large(const StreamTopic& topic, const StreamEntry& entry, std::uint64_t now_ms) override;

  void stop_lingering(std::size_t count, std::uint64_t now_ms);
  void erase(StreamTopic& topic, std::uint64_t now_ms);
  void check_silent(std::uint64_t now_ms);
  void prove_taken(std::uint64_t now_ms);

  Hub& hub_;
  Logger& logger_;
  redis::Session& commands_;
  QueryPace pace_;
  Lanes& lanes_;
  KeyspaceBells bells_;
  ReplicationWatch replication_;
  StreamPages pages_;
  Topics topics_;
  List<StreamTopic, ByLinger> lingering_;  // nobody reads them: who left first is in front
  List<StreamTopic, ByRetry> refused_;     // to be asked again, soonest first
  List<StreamTopic, ByRetry> passing_;     // the same, after what passes by itself
  List<StreamTopic, ByCheck> checked_;     // all, the longest unchecked in front
  List<StreamTopic, ByProof> unproven_;    // the longest in front
  LogLimit too_large_log_;
};

}  // namespace sse
