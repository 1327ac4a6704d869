// Where clients without a cursor begin in a stream that has a past: at its oldest entry, or so many before its newest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "durable_options.hpp"
#include "redis_session.hpp"
#include "stream_id.hpp"

namespace sse {

class StreamStartOwner {
 public:
  // The position right before the first entry that such a client is to get. `count` is 0 for Start::oldest.
  virtual void on_start(Start start, std::size_t count, StreamId position, std::uint64_t now_ms) = 0;
  // Where the stream ends; asked for when it has no entries.
  virtual StreamId end_position() const = 0;
  virtual void on_refused(std::string_view error, std::uint64_t now_ms) = 0;

 protected:
  ~StreamStartOwner() = default;
};

class StreamStarts final : private redis::ReplyHandler {
 public:
  // All must outlive this.
  StreamStarts(const std::string& key, StreamStartOwner& owner, redis::Session& session) : key_(key), owner_(owner), session_(session) {}

  // Asks, unless the same is being asked already or there is no connection.
  void find(Start start, std::size_t count, std::uint64_t now_ms);

  // The connection broke: no answer will come.
  void connection_lost() { asked_.clear(); }
  bool is_awaited() const { return !asked_.empty(); }

 private:
  void on_reply(const redis::Request& request, redis::ReplyView reply, std::uint64_t now_ms) override;

  const std::string& key_;
  StreamStartOwner& owner_;
  redis::Session& session_;
  std::vector<std::size_t> asked_;  // counts, 0 for the oldest, in the order of the requests
};

}  // namespace sse
