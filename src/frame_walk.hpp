// A walk over the frames that one subscription has yet to get.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "batch.hpp"
#include "channel_log.hpp"
#include "subscriber.hpp"

namespace sse {

struct FrameWalk {
  Subscription* subscription;
  const LogSegment* segment;
  std::size_t index;
  std::uint64_t offset;

  const Frame& frame() const { return segment->frames[index]; }
  const EntryMark& mark() const { return segment->marks[index]; }

  Piece piece() const {
    const std::uint64_t in_segment = offset - segment->base;
    return {segment->bytes->data() + in_segment,
            frame().end - static_cast<std::size_t>(in_segment),
            segment->bytes.get(),
            subscription,
            frame().due_ms,
            Piece::Source::log};
  }

  // False at the log's head.
  bool next() {
    offset = segment->base + frame().end;
    if (++index == segment->frames.size()) {
      segment = subscription->log->segment_after(*segment);
      index = 0;
    }
    return segment != nullptr;
  }
};

// Begins in the middle of a frame if the subscription stands there. Requires that something is due.
inline FrameWalk walk_from(Subscription& subscription) {
  const LogSegment& segment = subscription.log->segment_at(subscription.offset);
  return {&subscription, &segment, static_cast<std::size_t>(subscription.frame - segment.first_frame), subscription.offset};
}

// Of all that is due to the subscriber, but for the rest of the frame that it is in the middle of.
inline std::vector<FrameWalk> due_walks(Subscriber& subscriber, const Subscription* mid_frame) {
  std::vector<FrameWalk> walks;
  for (Subscription& subscription : subscriber) {
    if (is_due(subscription)) {
      walks.push_back(walk_from(subscription));
      if (&subscription == mid_frame && !walks.back().next()) {
        walks.pop_back();
      }
    }
  }
  return walks;
}

// Whose next frame arrived first. Requires at least one.
inline std::vector<FrameWalk>::iterator earliest(std::vector<FrameWalk>& walks) {
  return std::min_element(walks.begin(), walks.end(),
                          [](const FrameWalk& a, const FrameWalk& b) { return a.frame().sequence < b.frame().sequence; });
}

}  // namespace sse
