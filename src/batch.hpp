// What one subscriber is given in one system call: pieces of shared memory, in the order of the wire.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "segment.hpp"

namespace sse {

struct Subscription;

struct Piece {
  enum class Source : std::uint8_t { pinned, own, log };

  const char* data;
  std::size_t size;
  Segment* segment;            // holds the bytes; who needs them after the call takes a SegmentRef
  Subscription* subscription;  // for Source::log
  std::uint64_t due_ms;        // when the first of the bytes became due
  Source source;
};

class Batch {
 public:
  static constexpr std::size_t kMaxPieces = 64;  // fewer than any IOV_MAX

  explicit Batch(std::size_t limit_bytes) : limit_bytes_(limit_bytes) {}

  const Piece* begin() const { return pieces_.data(); }
  const Piece* end() const { return pieces_.data() + count_; }
  bool empty() const { return count_ == 0; }
  bool is_full() const { return count_ == kMaxPieces || bytes_ >= limit_bytes_; }
  std::size_t bytes() const { return bytes_; }

  // Takes the piece, shortened to what the limit allows; nothing when full. Adjacent bytes of one subscription become one piece.
  void add(Piece piece) {
    const std::size_t allowed = limit_bytes_ - bytes_;
    if (piece.size > allowed) {
      piece.size = allowed;
    }
    if (piece.size == 0) {
      return;
    }
    if (count_ != 0) {
      Piece& last = pieces_[count_ - 1];
      if (last.subscription == piece.subscription && last.source == piece.source && last.data + last.size == piece.data) {
        last.size += piece.size;
        bytes_ += piece.size;
        return;
      }
    }
    if (count_ == kMaxPieces) {
      return;
    }
    pieces_[count_++] = piece;
    bytes_ += piece.size;
  }

 private:
  std::array<Piece, kMaxPieces> pieces_;
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
  std::size_t limit_bytes_;
};

}  // namespace sse
