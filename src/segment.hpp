// Reference-counted bytes that are written once and then shared by every reader.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace sse {

class SegmentRef;

// Bytes held by all living segments that were allocated with it, and by what is known of their frames. Must outlive them.
struct MemoryMeter {
  std::size_t bytes = 0;
};

// One allocation: this header, then `capacity` bytes. Append-only: bytes below size() never change, so a reader may point into them
// for as long as it holds a reference. Single-threaded, as an nginx worker is.
class Segment {
 public:
  // Throws std::bad_alloc.
  static SegmentRef allocate(std::size_t capacity, MemoryMeter& meter);

  // A segment that holds exactly a copy of `bytes`.
  static SegmentRef copy_of(std::string_view bytes, MemoryMeter& meter);

  const char* data() const { return reinterpret_cast<const char*>(this + 1); }
  std::size_t size() const { return size_; }
  std::size_t capacity() const { return capacity_; }
  std::size_t room() const { return capacity_ - size_; }

  // Requires bytes.size() <= room().
  void append(std::string_view bytes);

 private:
  friend class SegmentRef;

  Segment(std::size_t capacity, MemoryMeter& meter);
  void release();

  MemoryMeter& meter_;
  std::size_t capacity_;
  std::size_t size_ = 0;
  std::uint32_t references_ = 0;
};

// A counted reference to a segment, or null.
class SegmentRef {
 public:
  SegmentRef() = default;
  explicit SegmentRef(Segment* segment) : segment_(segment) {
    if (segment_ != nullptr) {
      ++segment_->references_;
    }
  }
  SegmentRef(const SegmentRef& other) : SegmentRef(other.segment_) {}
  SegmentRef(SegmentRef&& other) noexcept : segment_(std::exchange(other.segment_, nullptr)) {}
  SegmentRef& operator=(SegmentRef other) noexcept {
    std::swap(segment_, other.segment_);
    return *this;
  }
  ~SegmentRef() {
    if (segment_ != nullptr && --segment_->references_ == 0) {
      segment_->release();
    }
  }

  Segment* get() const { return segment_; }
  Segment* operator->() const { return segment_; }
  Segment& operator*() const { return *segment_; }
  explicit operator bool() const { return segment_ != nullptr; }

 private:
  Segment* segment_ = nullptr;
};

}  // namespace sse
