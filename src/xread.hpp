// XREAD of many streams: the command, and the shape of its answer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "redis_reply.hpp"
#include "stream_id.hpp"

namespace sse::redis {

// A command that is put together from streams, again and again.
class XreadCommand {
 public:
  void clear();
  // `key` must live as long as the arguments are used.
  void add(std::string_view key, StreamId after);

  std::size_t streams() const { return keys_.size(); }

  // Valid until the next change. `count`: most entries of each stream. `block_ms` is not 0, which cannot be told from a dead connection.
  const std::vector<std::string_view>& arguments(std::size_t count, std::uint64_t block_ms);

 private:
  std::vector<std::string_view> keys_;
  std::string ids_;
  std::vector<std::size_t> id_ends_;  // in ids_
  std::string count_;
  std::string block_;
  std::vector<std::string_view> arguments_;
};

// Is this what a server may answer that was asked for so many streams: nil, or for some of them the key and at least one entry?
// An entry is an id and something else; more is not looked at.
bool is_xread_reply(ReplyView reply, std::size_t streams);

}  // namespace sse::redis
