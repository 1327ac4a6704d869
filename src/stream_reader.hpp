// Reads one Redis stream as it grows, and proves with each read that it continues the last.
//
// A read begins at the entry that was read last: as long as that is still the first of the answer, nothing after it can be missing,
// because trimming removes the oldest. When it is not, the stream as a whole is asked, in one transaction with the entries, and judged.
//
// What is taken from elsewhere comes without that proof: it may be of a stream that was made again. So the next read asks first for the
// entry before all that was taken. A stream that was made again meanwhile does not have it, unless it was made from a copy that does: that
// one is not told apart if more was taken before and after.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "continuity.hpp"
#include "entry_mark.hpp"
#include "stream_page.hpp"
#include "stream_query.hpp"

namespace sse {

class StreamReaderOwner {
 public:
  // The stream was found, and is read from its end on.
  virtual void on_located(std::uint64_t now_ms) = 0;
  // The next entry. The reader's position is behind it.
  virtual void on_entry(const StreamEntry& entry, std::uint64_t hash, std::uint64_t now_ms) = 0;
  // Everything that was there when it was asked has been given.
  virtual void on_caught_up(std::uint64_t now_ms) = 0;
  // Entries may be missing, or what was given is not what the stream holds: it goes on from the reader's position, which is new.
  // `fork`: the newest entry that was given and is still there, if one is known.
  virtual void on_broken(Continuity reason, const StreamFacts& facts, std::optional<StreamId> fork, std::uint64_t now_ms) = 0;
  // Redis refused; nothing is under way any more.
  virtual void on_refused(std::string_view error, std::uint64_t now_ms) = 0;
  // False: what the server lacks may be there in truth.
  virtual bool is_history_trusted(std::uint64_t now_ms) = 0;
  // What is known of entries that were given.
  virtual std::optional<std::uint64_t> given_hash(StreamId id) const = 0;
  virtual StreamId oldest_given() const = 0;

 protected:
  ~StreamReaderOwner() = default;
};

class StreamReader final : private StreamQueryOwner {
 public:
  // All must outlive the reader.
  StreamReader(const std::string& key, StreamReaderOwner& owner, QueryPace& pace, ReplicationWatch& replication, const StreamPages& pages)
      : owner_(owner), query_(key, *this, pace, replication), pages_(pages) {}

  bool is_located() const { return is_located_; }
  StreamId position() const { return last_.id; }
  // What was given up to here is of one history.
  StreamId proven_position() const { return proven_ ? proven_->id : last_.id; }
  // Of the entry at the position; 0: not known.
  std::uint64_t hash() const { return last_.hash; }
  // Nothing was between the position and here, which may be beyond it: the newest entries were withdrawn, or XSETID was used. Who stands
  // there has missed nothing.
  StreamId end() const { return std::max(end_, last_.id); }
  // Of the newest entries, for how many may be asked at once; 0: not known.
  std::size_t largest_entry_bytes() const { return size_.bytes(); }
  const EntrySize& entry_size() const { return size_; }

  // What was read may not be all any more, or not true: nothing is believed until the next answer.
  void doubt() { confirmed_ms_.reset(); }

  // Asks what is new, now or when the answer that is awaited has come. Does nothing without a connection.
  void read(std::uint64_t now_ms, Urgency urgency = Urgency::prompt);
  // The same, and finds out where the stream ends if that is not at an entry: end() is known afterwards.
  void read_to_end(std::uint64_t now_ms);
  bool is_reading() const { return state_ != State::idle; }
  // Takes entries that came in another way, if they begin right after the position and nothing is under way; false: they were not taken.
  // Requires that nothing was trimmed between. Whether they are of the same history is left to the next read, which has to come soon.
  bool take(StreamId from, redis::ReplyView entries, std::uint64_t now_ms);

  // The connection broke: no answer will come.
  void connection_lost();
  // Answers are under way to it: it must live until they have come or the connection is lost.
  bool is_awaited() const { return query_.is_awaited(); }

  // The number of the next question, and of the last one after which it knew all there was. Who needs to know what was there when it came
  // waits for the next.
  std::uint64_t next_question() const { return is_yet_to_ask() ? questions_ : questions_ + 1; }
  std::uint64_t answered_question() const { return answered_; }
  // When what it knows was all there was; nothing: never yet, or not since the connection broke.
  std::optional<std::uint64_t> confirmed_ms() const { return confirmed_ms_; }

 private:
  enum class State : std::uint8_t { idle, locating, proving, reading, judging, searching };

  void on_facts(const StreamFacts& facts, redis::ReplyView info, std::uint64_t now_ms) override;
  void on_page(redis::ReplyView entries, const StreamFacts* facts, std::uint64_t now_ms) override;
  void on_page_back(redis::ReplyView entries, std::uint64_t now_ms) override;
  void on_no_answer(std::string_view error, std::uint64_t now_ms) override { refuse(error, now_ms); }
  // What is under way was not sent yet, and will tell all that is new now.
  bool is_yet_to_ask() const { return state_ != State::searching && query_.is_waiting(); }
  void read_on(std::uint64_t now_ms);
  void on_proof(redis::ReplyView entries, const StreamFacts* facts, std::uint64_t now_ms);
  void judge(std::uint64_t now_ms);
  void on_judged(redis::ReplyView page, const StreamFacts& facts, std::uint64_t now_ms);
  // For `reason_`. Up to `known`, it may share with the new history what was given.
  void leave_history(StreamId known, std::uint64_t now_ms);
  void search_fork(std::uint64_t now_ms);
  // The first entry of a page is the one that is known, the only one that can be next, another one, or has the same id and other bytes.
  enum class First : std::uint8_t { same, next, other, changed };
  First compare_first(redis::ReplyView entries, EntryMark& known);
  std::uint64_t last_entry_hash(redis::ReplyView info) const;
  // Gives the entries after the position. False when the page makes no sense.
  bool give(redis::ReplyView entries, std::uint64_t now_ms);
  void note_end();
  void finish(std::uint64_t now_ms);
  void refuse(std::string_view error, std::uint64_t now_ms);
  void begin_anew(std::optional<StreamId> fork, std::uint64_t now_ms);

  StreamReaderOwner& owner_;
  StreamQuery query_;
  const StreamPages& pages_;

  bool is_located_ = false;
  EntryMark last_;                   // the position, and the hash of the entry there; 0: not known
  std::optional<EntryMark> proven_;  // the same before entries were taken after it; nothing: none were
  StreamId end_;                     // as of the last judgement without an entry since
  EntrySize size_;

  State state_ = State::idle;
  bool is_due_again_ = false;  // it was told to read meanwhile
  bool is_end_wanted_ = false;
  bool has_more_ = false;  // than what was answered
  std::uint64_t asked_ms_ = 0;
  std::size_t asked_count_ = 0;
  std::uint64_t questions_ = 0;
  std::uint64_t answered_ = 0;
  std::optional<std::uint64_t> confirmed_ms_;
  Continuity reason_ = Continuity::continuous;  // while searching
  StreamFacts facts_;
  StreamId search_from_;
};

}  // namespace sse
