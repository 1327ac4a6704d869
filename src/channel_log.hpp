// The append-only log of one channel in one encoding. Publishing appends here, once, whatever the number of subscribers;
// each subscriber keeps a cursor (a Subscription) and reads at its own pace.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "encoding.hpp"
#include "entry_mark.hpp"
#include "list.hpp"
#include "log_segment.hpp"
#include "subscription.hpp"

namespace sse {

// Told of readers whose cursor is about to be dropped; the segment still holds their bytes during the call.
class LogObserver {
 public:
  virtual void fell_out(Subscription& subscription, const LogSegment& segment, std::uint64_t now_ms) = 0;

 protected:
  ~LogObserver() = default;
};

// Told that everybody in the log who can write was visited. May move subscriptions, but not destroy the log.
class LogFollower {
 public:
  virtual void round_ended(ChannelLog& log, std::uint64_t now_ms) = 0;

 protected:
  ~LogFollower() = default;
};

// What a log keeps beside what its slowest reader has yet to get.
enum class Retention : std::uint8_t {
  unread,  // nothing
  newest,  // a window of the newest bytes, as large as the bound allows: for who comes back
};

// A place in a log, between two frames.
struct LogPlace {
  std::uint64_t offset;
  std::uint64_t frame;  // how many frames are before it
};

struct DirtyLogs;  // tags of the hub's lists: logs that have frames to hand out,
struct Windows;    // and those that keep a window, the longest silent first

// Subscriptions are in one of these lists:
//   pending_   to be visited in this round          settled_   visited, or joined since the round began
//   laggards   blocked, cursor in that segment      at_head_   blocked, cursor at the head
// Invariant without a window: every pending and settled cursor is at or beyond passed_, or was overrun (below the tail) while this worker
// was busy. Into a window they may come anywhere.
class ChannelLog : public ListNode<DirtyLogs>, public ListNode<Windows> {
 public:
  // `channel`: the name of the channel or pattern, for messages to people; must outlive the log, as the others must.
  ChannelLog(std::string_view channel, const Encoding& encoding, LogObserver& observer, MemoryMeter& meter,
             Retention retention = Retention::unread)
      : channel_(channel), encoding_(encoding), observer_(observer), meter_(meter), retention_(retention) {}

  // Null, as in the beginning: nobody is told. Must outlive the log.
  void set_follower(LogFollower* follower) { follower_ = follower; }

  std::string_view channel() const { return channel_; }

  // Subscriptions that refer to this log, with a cursor in it or, once closed, without: counted by the topic, which destroys it at 0.
  std::size_t holders = 0;
  const Encoding& encoding() const { return encoding_; }

  // Bounds are the largest of what the users of this log ask for; 0 means none. `buffer_bytes` bounds the encoded bytes held (the newest
  // frame is always kept), `max_message_bytes` what a publisher may send.
  void raise_limits(std::size_t buffer_bytes, std::size_t max_message_bytes);
  std::size_t max_message_bytes() const { return max_message_bytes_; }

  // Appends one frame. `id` is a view into `frame` (empty: none). Cursors that the bound pushes out are reported to the observer.
  void append(std::string_view frame, std::string_view id, std::uint64_t sequence, std::uint64_t now_ms);
  // The same in a log of a durable channel: afterwards it stands at mark.id.
  void append_entry(std::string_view frame, const EntryMark& mark, std::uint64_t sequence, std::uint64_t now_ms);

  std::uint64_t head() const { return head_; }
  std::uint64_t tail() const { return segments_.empty() ? head_ : segments_.front()->base; }
  std::uint64_t frame_count() const { return frame_count_; }
  std::size_t bytes() const { return static_cast<std::size_t>(head_ - tail()); }
  std::size_t attached() const { return attached_; }

  // Gives the subscription a cursor at the head.
  void attach(Subscription& subscription);
  void detach(Subscription& subscription);

  // Of a durable channel. An epoch is a history of which nothing is missing from its begin on; a new one begins at `position`, whatever
  // the log stood at.
  void begin_epoch(StreamId position);
  // Where the log stands: behind all that was appended.
  StreamId position() const { return position_; }
  // The position before this frame; requires that the log has it, or has just appended it.
  StreamId position_before(std::uint64_t frame) const;
  // Behind the last frame that stands for `position`, if this epoch has it; nothing if the log cannot tell what comes after it.
  std::optional<LogPlace> place_after(StreamId position) const;
  // Of the entry with this id in this epoch; nothing if it is not there.
  std::optional<std::uint64_t> hash_of(StreamId id) const;
  // Appends what entries this epoch has after a position, in order.
  void append_entries_after(StreamId position, std::vector<StreamId>& out) const;
  // The oldest position of this epoch of which the log knows what comes after it.
  StreamId oldest_position() const;
  // Gives the subscription a cursor there.
  void attach(Subscription& subscription, const LogPlace& place);
  // Drops from the window until at most `bytes` are left, but nothing that a reader has yet to get.
  void shrink_window(std::size_t bytes);
  bool has_window() const { return retention_ == Retention::newest; }

  // The subscription's socket is full: leave it alone until `settle`. Its cursor must not be below the tail.
  void lag(Subscription& subscription);
  void settle(Subscription& subscription);
  // It lags, and is to leave its place before the bound asks for it: reported to the observer as all who fall out.
  void push_out(Subscription& subscription, std::uint64_t now_ms);
  // Everybody who has a cursor here.
  std::vector<Subscription*> readers() const;
  // Somebody whose socket is full; null: nobody.
  Subscription* first_lagging() const;
  // What stands before the newest segment, and may be dropped.
  std::size_t older_bytes() const { return segments_.empty() ? 0 : static_cast<std::size_t>(segments_.back()->base - tail()); }
  // Drops the oldest segment, whoever has not read it; requires older_bytes() != 0.
  void drop_oldest(std::uint64_t now_ms);
  // Gives up what it has not read and goes on at the head.
  void skip_to_head(Subscription& subscription) const;

  // Rounds. One round visits every subscription that can write once; `next_pending` settles and returns the next one, null at the end of
  // the round.
  void begin_round();
  Subscription* next_pending();
  // True when frames arrived since the round began.
  bool end_round(std::uint64_t now_ms);
  bool in_round() const { return !pending_.empty(); }
  LogFollower* follower() const { return follower_; }
  // Who can write and is not to be visited in this round any more.
  const List<Subscription>& settled() const { return settled_; }

  // The segment that holds this offset; requires tail() <= offset < head().
  const LogSegment& segment_at(std::uint64_t offset) const { return *segments_[index_at(offset)]; }
  // The segment after it; null at the end.
  const LogSegment* segment_after(const LogSegment& segment) const;

  // How many frames end at or before this offset; requires tail() <= offset <= head().
  std::uint64_t frames_before(std::uint64_t offset) const;

  // The last event id that this subscription was given whole; sequence 0: none since it joined.
  IdMark last_id(const Subscription& subscription) const;

  // For tests: checks the invariants, and aborts when one is broken.
  void validate() const;

 private:
  std::size_t index_at(std::uint64_t offset) const;
  LogSegment& segment_with_room(std::size_t bytes);
  void append(LogSegment& segment, std::string_view frame, const Frame& entry, std::uint64_t now_ms);
  const LogSegment* epoch_segment_of(StreamId id) const;
  void enforce_bound(std::uint64_t now_ms);
  bool is_over_bound() const;
  void drop_front(std::uint64_t now_ms);
  // Drops what every cursor has passed.
  void trim();

  std::string_view channel_;
  Encoding encoding_;
  LogObserver& observer_;
  MemoryMeter& meter_;
  std::size_t buffer_bytes_ = 1;  // replaced by the first raise_limits
  std::size_t max_message_bytes_ = 1;
  Retention retention_;
  LogFollower* follower_ = nullptr;

  std::vector<std::unique_ptr<LogSegment>> segments_;  // oldest first, contiguous in offsets and ordinals
  std::uint64_t head_ = 0;
  std::uint64_t frame_count_ = 0;
  IdMark last_id_;  // as of the head
  StreamId position_;
  StreamId epoch_position_;         // at which the epoch began
  std::uint64_t epoch_offset_ = 0;  // where; a segment begins there
  std::size_t next_capacity_ = 0;
  std::size_t attached_ = 0;

  std::uint64_t round_head_ = 0;
  std::uint64_t passed_ = 0;  // the round_head_ of the last round that ended
  bool dropping_ = false;     // drop_front is at work on the first segment
  List<Subscription> pending_;
  List<Subscription> settled_;
  List<Subscription> at_head_;
};

// The log holds bytes that this subscription has yet to be given.
inline bool is_due(const Subscription& subscription) {
  return subscription.attached && !subscription.skipped && subscription.offset < subscription.log->head();
}

// The log has dropped what this subscription was to be given next.
inline bool is_overrun(const Subscription& subscription) { return subscription.attached && subscription.offset < subscription.log->tail(); }

}  // namespace sse
