// Where clients without a cursor begin in a stream that has a past: at its oldest entry, or so many before its newest.
//
// The newest are counted in pages, because Redis answers with whole entries. Each page begins with the entry that the last one ended with:
// as long as that is still there, what was counted and what comes next are of one history. What is added meanwhile comes in addition.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "durable_options.hpp"
#include "query_pace.hpp"
#include "stream_id.hpp"
#include "stream_page.hpp"

namespace sse {

class StreamStartOwner {
 public:
  // The position right before the first entry that such a client is to get. `count` is 0 for Start::oldest.
  virtual void on_start(Start start, std::size_t count, StreamId position, std::uint64_t now_ms) = 0;
  // Where the stream ends; asked for when it has no entries.
  virtual StreamId end_position() const = 0;
  virtual const EntrySize& entry_size() const = 0;
  virtual void on_refused(std::string_view error, std::uint64_t now_ms) = 0;

 protected:
  ~StreamStartOwner() = default;
};

class StreamStarts final : private redis::ReplyHandler, private PacedQuestion {
 public:
  // All must outlive this.
  StreamStarts(const std::string& key, StreamStartOwner& owner, QueryPace& pace, const StreamPages& pages)
      : key_(key), owner_(owner), pace_(pace), pages_(pages) {}

  // Asks, unless the same is being asked already or there is no connection.
  void find(Start start, std::size_t count, std::uint64_t now_ms);

  // The history that there was has ended: what was counted of it does not count.
  void begin_anew();

  // The connection broke, and the pace was told: no answer will come.
  void connection_lost();
  bool is_awaited() const { return !wanted_.empty() && !is_waiting(); }

 private:
  // The entries that were counted so far, for the first that is wanted.
  struct Walk {
    std::size_t counted = 0;
    StreamId oldest;                // of them
    std::uint64_t oldest_hash = 0;  // 0: not known
    EntrySize size;
    std::size_t asked = 0;  // entries, of the page that is awaited
    bool is_void = false;   // that page is of no use
  };
  enum class Step : std::uint8_t { done, further, strange };

  void ask(std::uint64_t now_ms);
  Step walk(redis::ReplyView page);
  bool is_same_entry(const StreamEntry& entry) const;
  void count_anew();
  std::size_t page_entries() const;
  StreamId found(std::size_t count) const;
  const EntrySize& size() const;
  void send(std::uint64_t now_ms) override;
  void on_reply(const redis::Request& request, redis::ReplyView reply, std::uint64_t now_ms) override;

  const std::string& key_;
  StreamStartOwner& owner_;
  QueryPace& pace_;
  const StreamPages& pages_;
  std::vector<std::size_t> wanted_;  // counts, 0 for the oldest; the first is being asked
  Walk walk_;
};

}  // namespace sse
