// The part of a log that knows positions of a durable channel.
#include <algorithm>
#include <cassert>

#include "channel_log.hpp"

namespace sse {

namespace {

// Within an epoch, marks never go back; a reset's is that of the position at which it stands.
std::vector<EntryMark>::const_iterator first_after(const std::vector<EntryMark>& marks, StreamId position) {
  return std::upper_bound(marks.begin(), marks.end(), position, [](StreamId id, const EntryMark& mark) { return id < mark.id; });
}

}  // namespace

void ChannelLog::begin_epoch(StreamId position) {
  epoch_offset_ = head_;
  epoch_position_ = position;
  position_ = position;
}

StreamId ChannelLog::position_before(std::uint64_t frame) const {
  if (frame == frame_count_) {
    return position_;
  }
  assert(!segments_.empty() && frame >= segments_.front()->first_frame);
  const auto after = std::upper_bound(segments_.begin(), segments_.end(), frame,
                                      [](std::uint64_t ordinal, const auto& segment) { return ordinal < segment->first_frame; });
  const LogSegment& segment = **(after - 1);
  const auto index = static_cast<std::size_t>(frame - segment.first_frame);
  return index == 0 ? segment.position_before : segment.marks[index - 1].id;
}

StreamId ChannelLog::oldest_position() const {
  if (tail() <= epoch_offset_) {
    return epoch_position_;
  }
  return segments_.empty() ? position_ : segments_.front()->position_before;
}

// The segment of this epoch with the last mark that is not after `id`; null when even the first mark is after it.
const LogSegment* ChannelLog::epoch_segment_of(StreamId id) const {
  const auto epoch = std::lower_bound(segments_.begin(), segments_.end(), epoch_offset_,
                                      [](const auto& segment, std::uint64_t offset) { return segment->base < offset; });
  const auto after = std::upper_bound(epoch, segments_.end(), id,
                                      [](StreamId position, const auto& segment) { return position < segment->marks.front().id; });
  return after == epoch ? nullptr : (after - 1)->get();
}

std::optional<LogPlace> ChannelLog::place_after(StreamId position) const {
  const LogSegment* segment = epoch_segment_of(position);
  if (segment == nullptr) {
    if (position != oldest_position()) {
      return std::nullopt;
    }
    const std::uint64_t offset = std::max(tail(), epoch_offset_);
    return LogPlace{offset, frames_before(offset)};
  }
  const auto index = static_cast<std::size_t>(first_after(segment->marks, position) - segment->marks.begin());
  if (segment->marks[index - 1].id != position) {
    return std::nullopt;
  }
  return LogPlace{segment->base + segment->frames[index - 1].end, segment->first_frame + index};
}

std::optional<std::uint64_t> ChannelLog::hash_of(StreamId id) const {
  const LogSegment* segment = epoch_segment_of(id);
  if (segment == nullptr) {
    return std::nullopt;
  }
  const auto after = first_after(segment->marks, id);
  const EntryMark& mark = *(after - 1);
  return mark.id == id && mark.hash != 0 ? std::optional<std::uint64_t>(mark.hash) : std::nullopt;
}

void ChannelLog::append_entries_after(StreamId position, std::vector<StreamId>& out) const {
  for (const auto& segment : segments_) {
    if (segment->base < epoch_offset_) {
      continue;
    }
    for (auto mark = first_after(segment->marks, position); mark != segment->marks.end(); ++mark) {
      out.push_back(mark->id);
    }
  }
}

}  // namespace sse
