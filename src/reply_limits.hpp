// How much of a reply is kept.
#pragma once

#include <cstddef>

namespace sse::redis {

// In bytes; 0: no limit. What is over one is cut: a nil takes its place (ReplyView::is_cut), and the reply goes on.
struct ReplyLimits {
  ReplyLimits() = default;
  constexpr ReplyLimits(std::size_t value_limit, std::size_t reply_limit) : value(value_limit), reply(reply_limit) {}

  // A longer bulk string is cut.
  std::size_t value = 0;
  // What one reply takes in memory. When it is used up, every further bulk string is cut but the short ones, and of every further stream
  // entry all fields: ids and names are left. They may take as much again; a reply that is larger still ends the connection.
  std::size_t reply = 0;
};

// A bulk string up to this length is never cut for itself: ids, names of commands.
inline constexpr std::size_t kShortValueBytes = 64;

}  // namespace sse::redis
