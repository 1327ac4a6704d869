#include "xread.hpp"

#include <cassert>

#include "scratch.hpp"

namespace sse::redis {

void XreadCommand::clear() {
  recycle(keys_);
  recycle(ids_);
  recycle(id_ends_);
}

void XreadCommand::add(std::string_view key, StreamId after) {
  keys_.push_back(key);
  append_stream_id(ids_, after);
  id_ends_.push_back(ids_.size());
}

const std::vector<std::string_view>& XreadCommand::arguments(std::size_t count, std::uint64_t block_ms) {
  assert(block_ms != 0);
  count_ = std::to_string(count);
  block_ = std::to_string(block_ms);
  recycle(arguments_);
  arguments_.insert(arguments_.end(), {"XREAD", "COUNT", count_, "BLOCK", block_, "STREAMS"});
  arguments_.insert(arguments_.end(), keys_.begin(), keys_.end());
  std::size_t begin = 0;
  for (const std::size_t end : id_ends_) {
    arguments_.push_back(std::string_view(ids_).substr(begin, end - begin));
    begin = end;
  }
  return arguments_;
}

bool is_xread_reply(ReplyView reply, std::size_t streams) {
  if (reply.type() == ReplyType::nil) {
    return true;
  }
  if (!reply.is_array() || reply.size() > streams) {
    return false;
  }
  for (const ReplyView stream : reply) {
    if (stream.size() != 2 || !stream.at(0).is_text() || stream.at(1).size() == 0) {
      return false;
    }
    for (const ReplyView entry : stream.at(1)) {
      if (entry.size() != 2 || !entry.at(0).is_text()) {
        return false;
      }
    }
  }
  return true;
}

}  // namespace sse::redis
