// What a location says of its durable channels.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sse {

enum class ChannelType : std::uint8_t { pubsub, stream };

inline constexpr std::size_t kMaxDurableChannels = 8;  // of one connection: as many as their cursor fits into an event id

// Where a client without a cursor begins: with what comes from now on, the oldest entry that is kept, or some of the newest entries.
enum class Start : std::uint8_t { live, oldest, last };

struct DurableOptions {
  Start start = Start::live;
  std::size_t last = 0;            // entries, with Start::last
  std::size_t max_replay = 20000;  // entries to one client; 0: any number
};

}  // namespace sse
