// Reads the past of one stream for those who come back to it: one walk, up from the oldest position that somebody waits at, page by page.
// Others join as it passes by theirs. Each page begins at the entry that the last one ended with, which proves that nothing is missing in
// between; where it has gone, the stream as a whole is judged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "continuity.hpp"
#include "list.hpp"
#include "stream_page.hpp"
#include "stream_query.hpp"
#include "subscription.hpp"

namespace sse {

class StreamReplayOwner {
 public:
  // False: the live end of the stream is being asked for; the replay goes on when it is known.
  virtual bool is_live_known(std::uint64_t now_ms) = 0;
  // The stream does not go as far as live reading has come, or farther: it is to be read to its end before anything else.
  virtual void doubt_live(std::uint64_t now_ms) = 0;
  // Of those who wait, who stands where the live log can tell what comes next goes live, and whom the last walk has come by joins it. True
  // when somebody has joined. The first looks at all who wait, the second at one of them.
  virtual bool serve_all_from_window(std::uint64_t now_ms) = 0;
  virtual bool serve_from_window(Subscription& parked, std::uint64_t now_ms) = 0;
  // A walk begins at this position.
  virtual void begin_replay(StreamId position) = 0;
  // Most entries that all who take part may still be given; above 0.
  virtual std::size_t most_to_replay() const = 0;
  // Who waits for the walk to come by.
  virtual List<Subscription>& parked() = 0;
  // Those who wait behind a full socket are left alone.
  virtual bool can_read(const Subscription& subscription) const = 0;
  // The position that live reading has reached: the walk goes no further.
  virtual StreamId live_position() const = 0;
  virtual const EntrySize& entry_size() const = 0;

  // False: what the server lacks may be there in truth.
  virtual bool is_history_trusted(std::uint64_t now_ms) = 0;
  // Takes it in from where it is parked: it gets what the walk reads from now on.
  virtual void join(Subscription& subscription) = 0;
  // The next entry, for all who have joined.
  virtual void replay(const StreamEntry& entry, std::uint64_t now_ms) = 0;
  // Where who stood at `position` goes on.
  virtual StreamId position_after_reset(StreamId position, Continuity reason, const StreamFacts& facts) const = 0;
  // The parked subscription's position is void, and replaced by one that is not; it is told.
  virtual void reset(Subscription& subscription, Continuity reason, const StreamFacts& facts, std::uint64_t now_ms) = 0;
  // The same for all who have joined: the walk goes on from `position`.
  virtual void reset_joined(Continuity reason, const StreamFacts& facts, StreamId position, std::uint64_t now_ms) = 0;
  // Those who have been given all that the walk has read, up to `position`, go on live if they can. What is left of those who have joined:
  // nobody; some who have been given all, and want more; some who are being given it; or none but those who can take nothing now.
  enum class Joined : std::uint8_t { none, waiting, reading, blocked };
  virtual Joined settle(StreamId position, std::uint64_t now_ms) = 0;
  // All who have joined are parked.
  virtual void park_joined(std::uint64_t now_ms) = 0;
  virtual void on_refused(std::string_view error, std::uint64_t now_ms) = 0;

 protected:
  ~StreamReplayOwner() = default;
};

class StreamReplay final : private StreamQueryOwner {
 public:
  // All must outlive the replay.
  StreamReplay(const std::string& key, StreamReplayOwner& owner, QueryPace& pace, ReplicationWatch& replication, const StreamPages& pages)
      : owner_(owner), query_(key, *this, pace, replication), pages_(pages) {}

  // Goes on: begins a walk if there is none and somebody waits, or reads the next page if somebody has taken the last. To be called
  // whenever one of these may have become true.
  void go_on(std::uint64_t now_ms);
  // The same when it has become true because this one waits now, or can read again, or because a round has given what was read: what it
  // costs does not grow with how many wait.
  void take_in(Subscription& parked, std::uint64_t now_ms);
  void round_ended(std::uint64_t now_ms);

  // The history that is being read has ended, and another goes on from `position`: whatever is under way is of no use, and what was read
  // ends there.
  void begin_anew(StreamId position);

  // Goes on, and live reading has just asked again for all there is.
  void live_caught_up(std::uint64_t now_ms);

  // The connection broke: no answer will come.
  void connection_lost();
  // Answers are under way to it: it must live until they have come or the connection is lost.
  bool is_awaited() const { return query_.is_awaited(); }

 private:
  using Parked = std::vector<Subscription*>;

  void on_page(redis::ReplyView entries, const StreamFacts* facts, std::uint64_t now_ms) override;
  void on_no_answer(std::string_view error, std::uint64_t now_ms) override;
  void advance(std::uint64_t now_ms);
  bool is_of_use(std::uint64_t now_ms);
  void walk(redis::ReplyView entries, const StreamFacts* facts, std::uint64_t now_ms);
  bool judge(const StreamFacts& facts, bool is_proven, std::uint64_t now_ms);
  void give(redis::ReplyView entries, const StreamFacts* facts, std::uint64_t now_ms);
  void doubt_live(std::uint64_t now_ms);
  const Subscription* oldest_parked() const;
  Continuity judge_outside(const Subscription& parked, const StreamFacts& facts) const;
  bool is_anybody_missing(const StreamFacts& facts) const;
  void reset_outside(const StreamFacts& facts, std::uint64_t now_ms);
  void ask_page(std::uint64_t now_ms);
  // Those who wait at or beyond where the walk is, in their order.
  Parked parked_ahead() const;
  void refuse(std::string_view error, std::uint64_t now_ms);

  StreamReplayOwner& owner_;
  StreamQuery query_;
  const StreamPages& pages_;

  bool is_walking_ = false;
  StreamId at_;                // everything up to it was read, for those who have joined
  bool needs_facts_ = false;   // the next page is to come with what the stream is as a whole
  bool is_doubting_ = false;   // waits for live reading to ask again
  bool is_live_sure_ = false;  // it did since the last page was given: this worker knows of a fork, if there is one
  bool is_asking_ = false;
  bool is_void_ = false;      // what is being asked is of no use any more
  bool are_all_due_ = false;  // without Redis, windows answer that did not when those who wait were looked at
  StreamId bound_;            // of the page that is awaited
  EntrySize size_;
  std::size_t asked_count_ = 0;
  std::size_t most_ = 0;  // entries of the page that may be given
};

}  // namespace sse
