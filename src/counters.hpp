// What one worker counted since it started.
#pragma once

#include <cstdint>

namespace sse {

struct Counters {
  std::uint64_t subscribers_opened = 0;
  std::uint64_t refused_connections = 0;  // sent away with a `retry:`: this worker has too many streams,
  std::uint64_t refused_channels = 0;     // knows too many channels,
  std::uint64_t refused_subscribers = 0;  // a channel has too many subscribers,
  std::uint64_t refused_keys = 0;         // or a key (a client, say) too many streams
  std::uint64_t lifetimes_ended = 0;
  std::uint64_t messages_received = 0;   // from brokers, for channels that somebody reads here
  std::uint64_t messages_too_large = 0;  // dropped
  std::uint64_t messages_empty = 0;      // dropped: payload form `event` without a single event
  std::uint64_t payloads_not_json = 0;   // sent as text
  std::uint64_t fields_invalid = 0;      // messages of which a field was left out
  std::uint64_t sends = 0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t slow_closed = 0;
  std::uint64_t slow_skipped = 0;
  std::uint64_t timed_out = 0;
  std::uint64_t overflows = 0;  // as far as can be told, Redis cut a subscription connection off because the worker was behind
  std::uint64_t resets = 0;
  std::uint64_t resets_trimmed = 0;  // of these, by what they say of a durable channel
  std::uint64_t resets_ahead = 0;
  std::uint64_t resets_deleted = 0;
  std::uint64_t resets_malformed = 0;
  std::uint64_t resets_too_far = 0;
  std::uint64_t resets_too_large = 0;
  std::uint64_t resets_broker_away = 0;
  std::uint64_t entries_received = 0;  // of durable channels, live
  std::uint64_t entries_replayed = 0;  // read from the broker for who comes back
  std::uint64_t lag_ms = 0;            // from an entry's id, if that is a time of today, until it was read: the sum,
  std::uint64_t lag_ms_max = 0;        // the longest,
  std::uint64_t lags = 0;              // and of how many
  std::uint64_t forks = 0;             // a stream's history left what its readers were given
};

}  // namespace sse
