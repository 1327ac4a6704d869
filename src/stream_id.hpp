// The id of a Redis stream's entry, which is also a position in the stream: everything up to it is behind.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

namespace sse {

struct StreamId {
  // Longer text is no id: two 64-bit numbers have at most 41 characters, the rest is room for leading zeros.
  static constexpr std::size_t kMaxTextBytes = 64;

  std::uint64_t ms = 0;
  std::uint64_t seq = 0;

  // The ids beside it in Redis' order of 128-bit numbers; the first and the last id stay where they are.
  StreamId next() const;
  StreamId previous() const;
};

constexpr bool operator==(StreamId a, StreamId b) { return a.ms == b.ms && a.seq == b.seq; }
inline bool operator!=(StreamId a, StreamId b) { return !(a == b); }
inline bool operator<(StreamId a, StreamId b) { return std::tie(a.ms, a.seq) < std::tie(b.ms, b.seq); }
inline bool operator>(StreamId a, StreamId b) { return b < a; }
inline bool operator<=(StreamId a, StreamId b) { return !(b < a); }
inline bool operator>=(StreamId a, StreamId b) { return !(a < b); }

// The position before every entry: Redis gives no entry this id.
constexpr StreamId kFirstStreamId = {0, 0};
constexpr StreamId kLastStreamId = {std::numeric_limits<std::uint64_t>::max(), std::numeric_limits<std::uint64_t>::max()};

// Takes `ms-seq`, or `ms` for ms-0, in decimal digits; leading zeros are allowed. Gives nothing for all else.
std::optional<StreamId> parse_stream_id(std::string_view text);

// Appends the canonical text, `ms-seq` without leading zeros.
void append_stream_id(std::string& out, StreamId id);
std::string to_string(StreamId id);

}  // namespace sse
