// What one subscriber is given in one system call: pieces of shared memory, in the order of the wire.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "segment.hpp"

namespace sse {

struct Subscription;

struct Piece {
  enum class Source : std::uint8_t { pinned, own, id, log };  // id: before the frame of its subscription that comes next

  const char* data;
  std::size_t size;
  Segment* segment;            // holds the bytes; who needs them after the call takes a SegmentRef
  Subscription* subscription;  // for Source::log and Source::id
  std::uint64_t due_ms;        // when the first of the bytes became due
  Source source;
};

class Batch {
 public:
  static constexpr std::size_t kMaxPieces = 64;  // fewer than any IOV_MAX

  // `due_span_ms`: the batch takes no bytes that became due so much earlier or later than its first.
  explicit Batch(std::size_t limit_bytes, std::uint64_t due_span_ms = UINT64_MAX) : limit_bytes_(limit_bytes), due_span_ms_(due_span_ms) {}

  const Piece* begin() const { return pieces_.data(); }
  const Piece* end() const { return pieces_.data() + count_; }
  bool empty() const { return count_ == 0; }
  bool is_full() const { return count_ == kMaxPieces || bytes_ >= limit_bytes_; }
  std::size_t bytes() const { return bytes_; }
  bool is_due_limited() const { return due_span_ms_ != UINT64_MAX; }
  // When its newest piece became due.
  std::uint64_t newest_due_ms() const { return newest_due_ms_; }

  bool has_room_for(std::size_t pieces) const { return count_ + pieces <= kMaxPieces && bytes_ < limit_bytes_; }

  // Takes the piece, shortened to what the limit allows; nothing when full. Adjacent bytes of one subscription become one piece.
  void add(Piece piece) {
    const std::size_t allowed = limit_bytes_ - bytes_;
    if (piece.size > allowed) {
      piece.size = allowed;
    }
    if (piece.size == 0) {
      return;
    }
    if (count_ != 0 && due_distance_ms(piece) > due_span_ms_) {
      limit_bytes_ = bytes_;  // nothing that comes after it may overtake it
      return;
    }
    if (count_ != 0) {
      Piece& last = pieces_[count_ - 1];
      if (last.subscription == piece.subscription && last.source == piece.source && last.data + last.size == piece.data) {
        last.size += piece.size;
        bytes_ += piece.size;
        newest_due_ms_ = std::max(newest_due_ms_, piece.due_ms);
        return;
      }
    }
    if (count_ == kMaxPieces) {
      return;
    }
    pieces_[count_++] = piece;
    bytes_ += piece.size;
    newest_due_ms_ = std::max(newest_due_ms_, piece.due_ms);
  }

 private:
  std::uint64_t due_distance_ms(const Piece& piece) const {
    const std::uint64_t first_ms = begin()->due_ms;
    return piece.due_ms > first_ms ? piece.due_ms - first_ms : first_ms - piece.due_ms;
  }

  std::array<Piece, kMaxPieces> pieces_;
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
  std::size_t limit_bytes_;
  std::uint64_t due_span_ms_;
  std::uint64_t newest_due_ms_ = 0;
};

}  // namespace sse
