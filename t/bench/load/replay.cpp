#include "replay.hpp"

#include "redis_pipeline.hpp"
#include "stamp.hpp"

#include <string>

namespace sse::bench {

namespace {

constexpr uint32_t kBatch = 1000;  // commands between two accept()

}  // namespace

void fill_streams(const Options& options, Shared& shared) {
  RedisPipeline redis(*options.publish, shared);
  Stamp stamp;
  for (stamp.channel = 0; stamp.channel < options.channels; ++stamp.channel) {
    std::string key = options.channel_name(stamp.channel);
    for (stamp.sequence = 0; stamp.sequence <= options.messages; ++stamp.sequence) {
      redis.add({"XADD", key, options.entry_id(stamp.sequence), "data", stamp.payload(options.payload)});
      ++shared.published;
      if (shared.published % kBatch == 0) {
        redis.accept("XADD");
      }
    }
  }
  redis.accept("XADD");
}

uint64_t replay_deliveries(const Options& options) {
  uint64_t total = 0;
  for (uint32_t subscriber = 0; subscriber < options.subscribers; ++subscriber) {
    total += options.messages - options.had_last(subscriber);
  }
  return total;
}

}  // namespace sse::bench
