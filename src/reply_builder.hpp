// One reply in the making: what hiredis reads becomes nodes, within limits. For ReplyReader alone.
#pragma once

#include <hiredis/hiredis.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "redis_reply.hpp"
#include "reply_limits.hpp"

namespace sse::redis {

class ReplyBuilder {
 public:
  explicit ReplyBuilder(ReplyLimits limits);
  ReplyBuilder(const ReplyBuilder&) = delete;
  ReplyBuilder& operator=(const ReplyBuilder&) = delete;

  // For redisReader, whose `privdata` must be the builder. A null that they return means "out of memory".
  static redisReplyObjectFunctions* functions();

  // Whether a bulk string of this size would be cut, if it came next: its bytes need not be kept until it is complete.
  bool cuts(std::size_t size) const { return size > limits_.value || (size > kShortValueBytes && !has_room_for(size)); }
  // The next nil stands for a bulk string of this size, which is cut.
  void announce_cut(std::size_t size) { announced_bytes_ = size; }

  // Whether the reply is larger than cutting can keep it, or was before a part of it was cut: where the network divides the bytes, and
  // so when this is asked, makes no difference.
  bool is_too_large() const { return was_too_large_ || memory_bytes() > most_bytes(); }
  // Most that is_too_large allows.
  std::size_t most_bytes() const { return most_bytes_; }

  // The reply is complete. It stays valid until clear().
  ReplyView finish();
  void clear();

 private:
  struct Callbacks;

  // Without the division by a node's size that a vector's size() is.
  std::size_t node_bytes() const {
    const auto& nodes = buffer_.nodes;
    return static_cast<std::size_t>(reinterpret_cast<const char*>(nodes.data() + nodes.size()) -
                                    reinterpret_cast<const char*>(nodes.data()));
  }
  std::size_t memory_bytes() const { return buffer_.text.size() + node_bytes(); }
  bool has_room_for(std::size_t size) const { return memory_bytes() + size <= room_limit_; }

  // All that is added gives a pointer which hiredis hands back for the elements of an array. Throws std::bad_alloc.
  void* add(const redisReadTask& task, ReplyType type, std::int64_t integer, std::size_t size);
  void* add_nil(const redisReadTask& task);
  void* add_text(const redisReadTask& task, ReplyType type, std::string_view text);
  // Leaves out what is over a limit, and gives what stands for it; null when nothing has to be left out.
  void* cut(const redisReadTask& task, ReplyType type, std::size_t size);

  // The array that the task's value is an element of, if its elements are left out; null otherwise.
  ReplyNode* cut_array(const redisReadTask& task);
  // The same array, if it is the fields of a stream entry: strings, in a pair with an id; null otherwise.
  ReplyNode* fields_array(const redisReadTask& task);
  void cut_fields(ReplyNode& fields);

  ReplyLimits limits_;      // the largest number for none
  std::size_t room_limit_;  // limits_.reply; 0 once it was too little, until the reply ends: what is cut makes no room for what follows
  std::size_t most_bytes_;
  bool was_too_large_ = false;
  std::size_t announced_bytes_ = 0;
  ReplyBuffer buffer_;
};

}  // namespace sse::redis
