// The event ids of connections with durable channels: where the client stands in each of them, in one text that it sends back.
//
// One channel: the id of a stream entry, as Redis writes it. Several: "s", then for each channel that has a position its tag, a character
// for the lengths of the two numbers of the position, and the numbers, without their leading zeros:
//
//     s  Gfug x YvP5Wh7 B  HBaK w YvP5WnI         news at 1700000000123-1, orders at 1700000000456-0
//
// A tag is 24 bits of SHA-256 of the channel's name. Tags ascend, so that a set of positions has one text only. Eight channels fit into an
// event id with sequence numbers below 2^18, until the year 2109.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stream_id.hpp"

namespace sse {

// For each channel of a connection, in its order; none: not known, or not named by the cursor.
using Positions = std::vector<std::optional<StreamId>>;

// Writes and reads the cursors of one set of channels. Does not keep their names.
class CursorNames {
 public:
  // The channels in any order, each once.
  explicit CursorNames(const std::vector<std::string_view>& channels);

  std::size_t size() const { return tags_.size(); }

  // Appends the cursor, which is a valid event id. False, and nothing appended, when it is longer than an event id may be, or no position
  // is known. A channel without a position is left out: the client comes back to it as a new one.
  bool append(std::string& text, const Positions& positions) const;

  // What a client sent, which may be of another set of channels: those that it names and this set does not have are ignored, and those
  // that it does not name have no position. Nothing when it is malformed: not what `append` writes, or of none of these channels.
  //
  // An id of one channel tells nothing to several: it does not say whose it is. Channels with the same tag are told apart by the order of
  // their names; a cursor that names fewer or more of them than there are is malformed, for it may mean any.
  std::optional<Positions> parse(std::string_view text) const;

 private:
  struct Tag {
    std::uint32_t value;    // 24 bits
    std::uint32_t channel;  // its place among the positions
  };

  std::optional<Positions> parse_composite(std::string_view text) const;

  std::vector<Tag> tags_;  // ascending; those with the same value by name
};

}  // namespace sse
