// A piece of a channel's log: frames in memory that its readers share, and what is known of each of them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "entry_mark.hpp"
#include "list.hpp"
#include "segment.hpp"
#include "subscription.hpp"

namespace sse {

// What the log knows of one frame.
struct Frame {
  std::uint64_t sequence;  // arrival order among all frames of the worker
  std::uint64_t due_ms;    // when it was appended: from then on it is due to every subscriber
  std::uint32_t end;       // offset of its end in its segment
  std::uint32_t id_begin;  // where its last event id stands in the segment
  std::uint32_t id_size;   // 0: it has none
};

// An event id that went through a log, and with which frame.
struct IdMark {
  std::string id;
  std::uint64_t frame = 0;     // ordinal of the frame that carried it
  std::uint64_t sequence = 0;  // that frame's; 0: there was none yet
};

// A run of whole frames in one piece of memory. A frame never spans two segments.
struct LogSegment {
  explicit LogSegment(MemoryMeter& its_meter) : meter(its_meter) {}
  ~LogSegment() { meter.bytes -= frames.capacity() * sizeof(Frame) + marks.capacity() * sizeof(EntryMark); }
  LogSegment(const LogSegment&) = delete;
  LogSegment& operator=(const LogSegment&) = delete;

  MemoryMeter& meter;
  SegmentRef bytes;
  std::uint64_t base = 0;         // offset in the log of its first byte
  std::uint64_t first_frame = 0;  // ordinal in the log of its first frame
  std::vector<Frame> frames;
  std::vector<EntryMark> marks;  // one for each frame in a log of a durable channel, else none
  IdMark id_before;              // the last event id in the log before this segment
  StreamId position_before;      // where the log stood before this segment, if its channel is durable
  List<Subscription> laggards;   // blocked subscriptions whose cursor is in this segment

  // The frame's bytes are in `bytes`, or come next.
  void add(const Frame& frame);
  void add(const EntryMark& mark);
  std::uint64_t end() const { return base + bytes->size(); }
  // Index of the frame that holds this offset of the log; frames.size() at the segment's end.
  std::size_t frame_at(std::uint64_t offset) const;
  std::uint64_t frame_begin(std::size_t index) const { return base + (index == 0 ? 0 : frames[index - 1].end); }
};

inline std::size_t LogSegment::frame_at(std::uint64_t offset) const {
  const auto in_segment = static_cast<std::uint32_t>(offset - base);
  if (!frames.empty() && in_segment < frames.front().end) {
    return 0;
  }
  const auto after = std::upper_bound(frames.begin(), frames.end(), in_segment,
                                      [](std::uint32_t position, const Frame& frame) { return position < frame.end; });
  return static_cast<std::size_t>(after - frames.begin());
}

inline void LogSegment::add(const Frame& frame) {
  meter.bytes -= frames.capacity() * sizeof(Frame);
  frames.push_back(frame);
  meter.bytes += frames.capacity() * sizeof(Frame);
}

inline void LogSegment::add(const EntryMark& mark) {
  meter.bytes -= marks.capacity() * sizeof(EntryMark);
  marks.push_back(mark);
  meter.bytes += marks.capacity() * sizeof(EntryMark);
}

}  // namespace sse
