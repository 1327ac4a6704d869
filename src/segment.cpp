#include "segment.hpp"

#include <cassert>
#include <cstring>
#include <new>

namespace sse {

Segment::Segment(std::size_t capacity, MemoryMeter& meter) : meter_(meter), capacity_(capacity) { meter_.bytes += capacity_; }

SegmentRef Segment::allocate(std::size_t capacity, MemoryMeter& meter) {
  void* memory = ::operator new(sizeof(Segment) + capacity);
  return SegmentRef(new (memory) Segment(capacity, meter));
}

SegmentRef Segment::copy_of(std::string_view bytes, MemoryMeter& meter) {
  SegmentRef segment = allocate(bytes.size(), meter);
  segment->append(bytes);
  return segment;
}

void Segment::append(std::string_view bytes) {
  assert(bytes.size() <= room());
  if (!bytes.empty()) {
    std::memcpy(reinterpret_cast<char*>(this + 1) + size_, bytes.data(), bytes.size());
    size_ += bytes.size();
  }
}

void Segment::release() {
  meter_.bytes -= capacity_;
  this->~Segment();
  ::operator delete(this);
}

}  // namespace sse
