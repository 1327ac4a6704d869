#include "channel_log.hpp"

#include <algorithm>
#include <cassert>
#include <cstdlib>

namespace sse {

namespace {

// A segment grows with what flows through the log: a quiet channel costs a kilobyte while it has something to send, a busy one
// gets few large pieces.
constexpr std::size_t kFirstCapacity = 1024;
constexpr std::size_t kLargestCapacity = 64 * 1024;
// Twice what a turn reads from a broker: beyond it, a log that the flush does not come round to is bounded all the same.
constexpr std::size_t kMaxUnofferedBytes = 1024 * 1024;
// A window without a bound keeps so much.
constexpr std::size_t kUnboundedWindowBytes = std::size_t{4} * 1024 * 1024;
constexpr std::size_t kSegmentsPerBuffer = 8;  // so that dropping one of them gives up little of a small buffer

std::size_t larger_limit(std::size_t a, std::size_t b) { return a == 0 || b == 0 ? 0 : std::max(a, b); }

}  // namespace

void ChannelLog::raise_limits(std::size_t buffer_bytes, std::size_t max_message_bytes) {
  buffer_bytes_ = larger_limit(buffer_bytes_, buffer_bytes);
  max_message_bytes_ = larger_limit(max_message_bytes_, max_message_bytes);
}

LogSegment& ChannelLog::segment_with_room(std::size_t bytes) {
  if (!segments_.empty() && segments_.back()->bytes->room() >= bytes && head_ != epoch_offset_) {
    return *segments_.back();
  }
  std::size_t largest = kLargestCapacity;
  if (buffer_bytes_ != 0) {
    largest = std::clamp(buffer_bytes_ / kSegmentsPerBuffer, kFirstCapacity, kLargestCapacity);
  }
  next_capacity_ = segments_.empty() ? kFirstCapacity : std::min(next_capacity_ * 2, largest);

  auto segment = std::make_unique<LogSegment>(meter_);
  segment->bytes = Segment::allocate(std::max(next_capacity_, bytes), meter_);
  segment->base = head_;
  segment->first_frame = frame_count_;
  segment->id_before = last_id_;
  segment->position_before = position_;
  segments_.push_back(std::move(segment));
  return *segments_.back();
}

void ChannelLog::append(std::string_view frame, std::string_view id, std::uint64_t sequence, std::uint64_t now_ms) {
  assert(!frame.empty());
  LogSegment& segment = segment_with_room(frame.size());
  Frame entry{sequence, now_ms, 0, 0, 0};
  if (!id.empty()) {
    entry.id_begin = static_cast<std::uint32_t>(segment.bytes->size() + static_cast<std::size_t>(id.data() - frame.data()));
    entry.id_size = static_cast<std::uint32_t>(id.size());
    last_id_.id.assign(id);
    last_id_.frame = frame_count_;
    last_id_.sequence = sequence;
  }
  append(segment, frame, entry, now_ms);
}

void ChannelLog::append_entry(std::string_view frame, const EntryMark& mark, std::uint64_t sequence, std::uint64_t now_ms) {
  LogSegment& segment = segment_with_room(frame.size());
  segment.add(mark);
  position_ = mark.id;
  append(segment, frame, Frame{sequence, now_ms, 0, 0, 0}, now_ms);
}

void ChannelLog::append(LogSegment& segment, std::string_view frame, const Frame& entry, std::uint64_t now_ms) {
  Frame added = entry;
  added.end = static_cast<std::uint32_t>(segment.bytes->size() + frame.size());
  segment.add(added);
  segment.bytes->append(frame);
  segment.laggards.splice_back(at_head_);
  head_ += frame.size();
  ++frame_count_;

  enforce_bound(now_ms);
}

// The bound is for slow readers. What readers that can write have not been offered yet stays, up to a limit of its own: a burst, or a
// round of several slices, must not push them out.
bool ChannelLog::is_over_bound() const {
  if (buffer_bytes_ == 0 || bytes() <= buffer_bytes_ || segments_.size() < 2) {
    return false;
  }
  return segments_.front()->end() <= passed_ || bytes() > buffer_bytes_ + kMaxUnofferedBytes;
}

void ChannelLog::drop_front(std::uint64_t now_ms) {
  dropping_ = true;
  LogSegment& segment = *segments_.front();
  while (Subscription* subscription = segment.laggards.pop_front()) {
    observer_.fell_out(*subscription, segment, now_ms);
  }
  segments_.erase(segments_.begin());
  dropping_ = false;
}

void ChannelLog::enforce_bound(std::uint64_t now_ms) {
  while (is_over_bound()) {
    drop_front(now_ms);
  }
  trim();
}

void ChannelLog::trim() {
  if (has_window()) {
    shrink_window(buffer_bytes_ == 0 ? kUnboundedWindowBytes : buffer_bytes_);
    return;
  }
  while (!dropping_ && !segments_.empty() && segments_.front()->end() <= passed_ && segments_.front()->laggards.empty()) {
    segments_.erase(segments_.begin());
  }
}

void ChannelLog::shrink_window(std::size_t bytes_left) {
  while (!dropping_ && bytes() > bytes_left && segments_.front()->end() <= passed_ && segments_.front()->laggards.empty()) {
    segments_.erase(segments_.begin());
  }
}

void ChannelLog::push_out(Subscription& subscription, std::uint64_t now_ms) {
  observer_.fell_out(subscription, segment_at(subscription.offset), now_ms);
  has_window() ? shrink_window(0) : trim();  // memory is what is wanted
}

void ChannelLog::drop_oldest(std::uint64_t now_ms) {
  assert(segments_.size() > 1);
  drop_front(now_ms);
  trim();
}

std::size_t ChannelLog::index_at(std::uint64_t offset) const {
  assert(offset >= tail() && offset < head_);
  if (offset >= segments_.back()->base) {
    return segments_.size() - 1;
  }
  const auto after = std::upper_bound(segments_.begin(), segments_.end(), offset,
                                      [](std::uint64_t position, const auto& segment) { return position < segment->base; });
  return static_cast<std::size_t>(after - segments_.begin()) - 1;
}

const LogSegment* ChannelLog::segment_after(const LogSegment& segment) const {
  return segment.end() == head_ ? nullptr : segments_[index_at(segment.end())].get();
}

std::uint64_t ChannelLog::frames_before(std::uint64_t offset) const {
  if (offset == head_) {
    return frame_count_;
  }
  const LogSegment& segment = segment_at(offset);
  return segment.first_frame + segment.frame_at(offset);
}

IdMark ChannelLog::last_id(const Subscription& subscription) const {
  if (subscription.frame == frame_count_) {
    return last_id_.sequence != 0 && last_id_.frame >= subscription.joined ? last_id_ : IdMark{};
  }
  if (subscription.offset < tail()) {
    return IdMark{};
  }
  const LogSegment& segment = segment_at(subscription.offset);
  for (std::size_t i = static_cast<std::size_t>(subscription.frame - segment.first_frame); i-- > 0;) {
    const Frame& frame = segment.frames[i];
    if (frame.id_size != 0) {
      IdMark mark{std::string(segment.bytes->data() + frame.id_begin, frame.id_size), segment.first_frame + i, frame.sequence};
      return mark.frame >= subscription.joined ? mark : IdMark{};
    }
  }
  const IdMark& before = segment.id_before;
  return before.sequence != 0 && before.frame >= subscription.joined ? before : IdMark{};
}

void ChannelLog::validate() const {
  const auto require = [](bool condition) {
    if (!condition) {
      std::abort();
    }
  };
  std::uint64_t offset = tail();
  std::uint64_t frames = segments_.empty() ? frame_count_ : segments_.front()->first_frame;
  for (const auto& segment : segments_) {
    require(segment->base == offset && segment->first_frame == frames);
    require(!segment->frames.empty() && segment->frames.back().end == segment->bytes->size());
    for (const Subscription* s = segment->laggards.front(); s != nullptr; s = segment->laggards.after(*s)) {
      require(s->offset >= segment->base && s->offset < segment->end());
    }
    offset = segment->end();
    frames += segment->frames.size();
  }
  require(offset == head_ && frames == frame_count_);
  for (const Subscription* s = at_head_.front(); s != nullptr; s = at_head_.after(*s)) {
    require(s->offset == head_);
  }
  for (const List<Subscription>* readers : {&pending_, &settled_}) {
    for (const Subscription* s = readers->front(); s != nullptr; s = readers->after(*s)) {
      require(has_window() || s->offset >= passed_ || s->offset < tail());
    }
  }
}

}  // namespace sse
