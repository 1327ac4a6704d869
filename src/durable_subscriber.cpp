// The part of a subscriber that reads durable channels: its positions, and the ids that tell its client of them.
#include <algorithm>
#include <cassert>
#include <string>
#include <utility>
#include <vector>

#include "frame.hpp"
#include "frame_walk.hpp"
#include "subscriber.hpp"

namespace sse {

namespace {

// The frames of one batch whose id lines are made at once: what the socket does not take is made again.
constexpr std::size_t kOwnIdsBatchBytes = std::size_t{256} * 1024;
// The frames that are copied at once: little for who reads slowly, and it need not be much for who reads fast.
constexpr std::size_t kCopiedBytes = std::size_t{16} * 1024;

}  // namespace

void Subscriber::make_durable(const DurableOptions& options, const std::vector<std::string_view>& channels, std::string_view cursor) {
  CursorNames names(channels);
  std::optional<Positions> positions;
  if (!cursor.empty()) {
    positions = names.parse(cursor);
  }
  for (std::size_t i = 0; i < size_; ++i) {
    auto reading = std::make_unique<DurableReading>(options);
    if (positions && (*positions)[i]) {
      reading->position = (*positions)[i];
      reading->has_cursor = true;
    }
    begin()[i].durable = std::move(reading);
  }
  begin()->durable->is_malformed = !cursor.empty() && !positions;
  if (size_ > 1) {
    own_ids_ = std::make_unique<OwnIds>(std::move(names));
  }
}

Positions Subscriber::positions() const {
  Positions positions;
  positions.reserve(size_);
  for (const Subscription& subscription : *this) {
    positions.push_back(subscription.durable->position);
  }
  return positions;
}

bool Subscriber::append_cursor(std::string& text) const {
  if (has_own_ids()) {
    return own_ids_->names.append(text, positions());
  }
  const std::optional<StreamId>& position = begin()->durable->position;
  if (position) {
    append_stream_id(text, *position);
  }
  return position.has_value();
}

bool Subscriber::append_cursor_of_own(std::string& text) {
  return has_own_ids() ? own_ids_->names.append(text, positions_after_frame()) : append_cursor(text);
}

Positions Subscriber::positions_after_frame() {
  Positions at = positions();
  if (mid_frame_ != nullptr) {
    at[static_cast<std::size_t>(mid_frame_ - begin())] = walk_from(*mid_frame_).mark().id;
  }
  return at;
}

void Subscriber::gather_with_ids(Batch& batch, MemoryMeter& meter) {
  Positions at = positions_after_frame();
  std::string lines;
  std::vector<Piece> frames;
  std::vector<std::size_t>& line_ends = own_ids_->line_ends;
  line_ends.clear();
  std::vector<FrameWalk> walks = due_walks(*this, mid_frame_);
  std::size_t bytes = batch.bytes();
  while (!walks.empty() && batch.has_room_for(2 * (frames.size() + 1)) && bytes < kOwnIdsBatchBytes) {
    const auto first = earliest(walks);
    at[static_cast<std::size_t>(first->subscription - begin())] = first->mark().id;
    std::string line(kIdField);
    if (own_ids_->names.append(line, at)) {
      line += '\n';
      append_framed(lines, framing_, line);
    }
    line_ends.push_back(lines.size());
    frames.push_back(first->piece());
    bytes += frames.back().size;
    if (!first->next()) {
      walks.erase(first);
    }
  }
  own_ids_->lines = Segment::copy_of(lines, meter);
  std::size_t line_begin = 0;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const Segment& held = *own_ids_->lines;
    batch.add({held.data() + line_begin, line_ends[i] - line_begin, own_ids_->lines.get(), frames[i].subscription, frames[i].due_ms,
               Piece::Source::id});
    batch.add(frames[i]);
    line_begin = line_ends[i];
  }
}

void Subscriber::pin_id_line(const Piece& piece, std::size_t accepted) {
  const auto begin = static_cast<std::size_t>(piece.data - piece.segment->data());
  const std::size_t end = *std::upper_bound(own_ids_->line_ends.begin(), own_ids_->line_ends.end(), begin);
  if (accepted < end - begin) {
    pinned_ = {SegmentRef(piece.segment), piece.data + accepted, end - begin - accepted, piece.due_ms};
  }
}

void Subscriber::copy_with_ids(MemoryMeter& meter) {
  std::string bytes;
  std::uint64_t due_ms = 0;
  std::vector<FrameWalk> walks = due_walks(*this, nullptr);
  while (!walks.empty() && bytes.size() < kCopiedBytes) {
    const auto first = earliest(walks);
    const Piece frame = first->piece();
    due_ms = bytes.empty() ? frame.due_ms : due_ms;
    bytes.append(frame.data, frame.size);
    Subscription& subscription = *first->subscription;
    subscription.offset += frame.size;
    ++subscription.frame;
    subscription.durable->stand_at(first->mark().id);
    ++events_sent_;
    std::string cursor;
    if (append_cursor(cursor)) {
      append_framed(bytes, framing_, position_block(cursor));
    }
    if (!first->next()) {
      walks.erase(first);
    }
  }
  if (!bytes.empty()) {
    push_own(bytes, due_ms, meter);
  }
}

void Subscriber::leave_log(Subscription& subscription, MemoryMeter& meter) {
  DurableReading& reading = *subscription.durable;
  const ChannelLog& log = *subscription.log;
  reading.replayed += reading.phase == DurableReading::Phase::replaying ? subscription.frame - subscription.joined : 0;
  if (mid_frame_ == &subscription) {
    const LogSegment& segment = log.segment_at(subscription.offset);
    reading.stand_at(segment.marks[static_cast<std::size_t>(subscription.frame - segment.first_frame)].id);
    pin_rest(subscription, segment, meter);
  }
  subscription.log->detach(subscription);
  subscription.log = nullptr;
}

}  // namespace sse
