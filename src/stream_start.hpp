// Where clients without a cursor begin in a stream that has a past: at its oldest entry, or so many before its newest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "durable_options.hpp"
#include "query_pace.hpp"
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

class StreamStarts final : private redis::ReplyHandler, private PacedQuestion {
 public:
  // All must outlive this.
  StreamStarts(const std::string& key, StreamStartOwner& owner, QueryPace& pace) : key_(key), owner_(owner), pace_(pace) {}

  // Asks, unless the same is being asked already or there is no connection.
  void find(Start start, std::size_t count, std::uint64_t now_ms);

  // The connection broke, and the pace was told: no answer will come.
  void connection_lost() { wanted_.clear(); }
  bool is_awaited() const { return !wanted_.empty() && !is_waiting(); }

 private:
  void send(std::uint64_t now_ms) override;
  void on_reply(const redis::Request& request, redis::ReplyView reply, std::uint64_t now_ms) override;

  const std::string& key_;
  StreamStartOwner& owner_;
  QueryPace& pace_;
  std::vector<std::size_t> wanted_;  // counts, 0 for the oldest; the first is being asked
};

}  // namespace sse
