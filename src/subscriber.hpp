// One event stream: its cursors, and the few bytes that are its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "batch.hpp"
#include "channel_log.hpp"
#include "composite_cursor.hpp"
#include "encoding.hpp"
#include "list.hpp"
#include "sink.hpp"
#include "subscription.hpp"

namespace sse {

enum class SlowPolicy : std::uint8_t { close, skip };

struct SubscriberOptions {
  SlowPolicy slow = SlowPolicy::close;
  std::uint64_t keepalive_ms = 0;     // 0: off
  std::uint64_t send_timeout_ms = 0;  // 0: off
};

struct ByKeepalive;  // tags of the lists of hub and delivery
struct ByOpening;
struct ByBlocked;

// Bytes that only one subscriber has yet to get.
struct PrivateBytes {
  SegmentRef segment;
  const char* position = nullptr;
  std::size_t size = 0;
  std::uint64_t due_ms = 0;

  void advance(std::size_t bytes);
};

// Life: waiting (for the broker) → opening (the header may go out) → open → closed. Exactly one end or abort.
//
// Order on the wire: the rest of a frame that was begun (pinned, or of `mid_frame_`), then own bytes, then the logs by arrival.
// Invariant: at most one of pinned_, mid_frame_ and own_begun_ is set; with none, the stream stands at a frame boundary. Pinned and
// mid_frame_ together: the rest of the id line of a frame, and the frame, which is whole.
class Subscriber : public ListNode<ByKeepalive>, public ListNode<ByOpening>, public ListNode<ByBlocked> {
 public:
  enum class State : std::uint8_t { waiting, opening, open, closed };

  // `subscriptions`: how many channels it will have. All others must outlive it; of sinks, the one that it was moved to.
  Subscriber(Sink& sink, const SubscriberOptions& options, const ReadOptions& reading, std::size_t subscriptions);
  Subscriber(Sink&, SubscriberOptions&&, const ReadOptions&, std::size_t) = delete;
  ~Subscriber();

  // From now on its bytes go there. Requires that nothing is in flight in the old sink. The new one must outlive it.
  void move_to(Sink& sink) { sink_ = &sink; }

  const SubscriberOptions& options() const { return options_; }
  const ReadOptions& reading() const { return reading_; }
  State state() const { return state_; }
  Framing framing() const { return framing_; }
  bool is_ending() const { return ending_; }
  bool is_blocked() const { return blocked_; }  // its socket is full
  // The directive by which it was closed as too slow; null: it was not, or not by the hub.
  const char* slow_limit() const { return slow_limit_; }
  std::uint64_t events_sent() const { return events_sent_; }
  std::size_t size() const { return size_; }
  Subscription& operator[](std::size_t i) { return begin()[i]; }
  const Subscription& operator[](std::size_t i) const { return begin()[i]; }
  Subscription* begin() { return many_ == nullptr ? &only_ : many_.get(); }
  Subscription* end() { return begin() + size_; }
  const Subscription* begin() const { return many_ == nullptr ? &only_ : many_.get(); }
  const Subscription* end() const { return begin() + size_; }

  // It reads durable channels, by these options, which must outlive it. To be called first, with the channels' names in its subscriptions'
  // order, and the cursor that its client sent; empty: none.
  void make_durable(const DurableOptions& options, const std::vector<std::string_view>& channels, std::string_view cursor);
  bool is_durable() const { return begin()->durable != nullptr; }
  // Where it stands in all its durable channels, as the `id:` of an event; false, and nothing appended, when that cannot be said.
  bool append_cursor(std::string& text) const;
  // The same for bytes of its own, before which the rest of a frame may go out.
  bool append_cursor_of_own(std::string& text);

  // The last event id that was given whole; empty when there was none. Also after the stream was closed.
  std::string last_id() const;

  bool at_frame_boundary() const { return pinned_.size == 0 && mid_frame_ == nullptr && !own_begun_; }

  // Its frames are to come without an id line, which it makes itself.
  bool has_own_ids() const { return own_ids_ != nullptr; }

 private:
  friend class Hub;
  friend class Delivery;
  friend class SlowReaders;
  friend class KeepaliveQueues;

  // Queues whole frames (already in this subscriber's framing) before everything that is not begun yet.
  void push_own(std::string_view bytes, std::uint64_t now_ms, MemoryMeter& meter);

  // Everything that is due, in order, up to what the batch holds. While ending: only up to the boundary, and own bytes.
  void gather(Batch& batch, MemoryMeter& meter);

  // The first `accepted` bytes of the batch are given.
  void advance(const Batch& batch, std::size_t accepted);

  // True when nothing is due.
  bool is_caught_up() const;

  // When the oldest byte became due that was not yet given; nothing when caught up.
  std::optional<std::uint64_t> oldest_due_ms() const;

  // Fell out of a log while blocked: keeps the rest of the frame that it is in the middle of, and gives up its place until there is room.
  void skip(Subscription& subscription, const LogSegment& segment, MemoryMeter& meter);

  // The same for a durable channel: afterwards it is in no log, and stands behind the frame of which the rest is kept.
  void leave_log(Subscription& subscription, MemoryMeter& meter);

  IdMark last_id_mark() const;
  // Before frames are skipped: the log's last id will be of one that this subscriber did not get.
  void remember_id();

  void gather_frame_rest(Batch& batch);
  void gather_one_log(Batch& batch, Subscription& subscription);
  void gather_logs_by_arrival(Batch& batch);
  // With an id line of its own before each frame: where it stands in all its channels after that frame.
  void gather_with_ids(Batch& batch, MemoryMeter& meter);
  // A frame may hold several events, of which an id line before it would belong to the first: a client that got no more than that would
  // not get the others. So the id is a block of its own behind the frame.
  bool has_ids_behind() const { return has_own_ids() && reading_.encoding.payload == PayloadForm::event; }
  // Makes the next frames, each with its id behind it, its own bytes: given, and out only when they are.
  void copy_with_ids(MemoryMeter& meter);
  // Keeps the rest of the id line of which so much was accepted; the piece may be less than the line, if the batch held no more.
  void pin_id_line(const Piece& piece, std::size_t accepted);
  Positions positions() const;
  Positions positions_after_frame();
  // Keeps the rest of the frame that it is in the middle of; the segment holds it.
  void pin_rest(Subscription& subscription, const LogSegment& segment, MemoryMeter& meter);

  Sink* sink_;
  const SubscriberOptions& options_;
  const ReadOptions& reading_;

  PrivateBytes pinned_;
  PrivateBytes own_;
  Subscription* mid_frame_ = nullptr;
  std::uint32_t size_;  // of subscriptions
  bool own_begun_ : 1;
  bool blocked_ : 1;  // no room in the socket
  bool has_left_logs_ : 1;
  bool ending_ : 1;  // gets no more from the logs; ends once its own bytes are out
  State state_ = State::waiting;
  Framing framing_ = Framing::plain;
  CloseReason end_reason_ = CloseReason::client;
  const char* slow_limit_ = nullptr;

  std::uint64_t events_sent_ = 0;
  std::uint64_t last_write_ms_ = 0;
  // Of who reads several durable channels, so that its ids are its own.
  struct OwnIds {
    explicit OwnIds(CursorNames its_names) : names(std::move(its_names)) {}
    CursorNames names;
    SegmentRef lines;                    // what was gathered last
    std::vector<std::size_t> line_ends;  // in it
  };

  std::unique_ptr<OwnIds> own_ids_;
  std::unique_ptr<IdMark> earlier_id_;  // of remember_id; once it has left its logs, the last of all

  Subscription only_;                     // most have one
  std::unique_ptr<Subscription[]> many_;  // null: only_
};

}  // namespace sse
