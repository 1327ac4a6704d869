#include "segment.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>

namespace sse {
namespace {

std::string_view bytes_of(const SegmentRef& segment) { return {segment->data(), segment->size()}; }

TEST(Segment, GrowsUpToItsCapacityAndNeverMoves) {
  MemoryMeter meter;
  const SegmentRef segment = Segment::allocate(10, meter);
  const char* const place = segment->data();
  EXPECT_EQ(segment->size(), 0u);
  EXPECT_EQ(segment->room(), 10u);
  segment->append("hello");
  segment->append("");
  segment->append("world");
  EXPECT_EQ(bytes_of(segment), "helloworld");
  EXPECT_EQ(segment->data(), place);
  EXPECT_EQ(segment->room(), 0u);
  EXPECT_EQ(segment->capacity(), 10u);
}

TEST(Segment, ACopyHasNoRoomToSpare) {
  MemoryMeter meter;
  std::string source = "hello";
  const SegmentRef segment = Segment::copy_of(source, meter);
  source = "other";
  EXPECT_EQ(bytes_of(segment), "hello");
  EXPECT_EQ(segment->room(), 0u);
  EXPECT_EQ(bytes_of(Segment::copy_of("", meter)), "");
}

TEST(Segment, TheMeterCountsCapacityUntilTheLastReferenceIsGone) {
  MemoryMeter meter;
  {
    SegmentRef first = Segment::allocate(100, meter);
    EXPECT_EQ(meter.bytes, 100u);
    first->append("x");
    const SegmentRef other = Segment::allocate(20, meter);
    EXPECT_EQ(meter.bytes, 120u);
    SegmentRef second = first;
    first = SegmentRef();
    EXPECT_EQ(meter.bytes, 120u);
    EXPECT_EQ(bytes_of(second), "x");
    second = SegmentRef();
    EXPECT_EQ(meter.bytes, 20u);
  }
  EXPECT_EQ(meter.bytes, 0u);
}

TEST(SegmentRef, MovingTakesTheReferenceAlong) {
  MemoryMeter meter;
  SegmentRef first = Segment::copy_of("x", meter);
  SegmentRef second = std::move(first);
  EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move): what is left is null
  EXPECT_EQ(bytes_of(second), "x");
  first = std::move(second);
  EXPECT_EQ(bytes_of(first), "x");
  EXPECT_EQ(meter.bytes, 1u);
}

TEST(SegmentRef, AssigningAReferenceToItselfKeepsIt) {
  MemoryMeter meter;
  SegmentRef segment = Segment::copy_of("x", meter);
  const SegmentRef& itself = segment;
  segment = itself;
  EXPECT_EQ(bytes_of(segment), "x");
}

TEST(SegmentRef, ASecondReferenceCanBeMadeFromTheSegment) {
  MemoryMeter meter;
  SegmentRef first = Segment::copy_of("x", meter);
  const SegmentRef second(first.get());
  first = SegmentRef();
  EXPECT_EQ(bytes_of(second), "x");
}

TEST(SegmentRef, MayBeNull) {
  const SegmentRef nothing;
  const SegmentRef copy = nothing;
  EXPECT_FALSE(copy);
  EXPECT_EQ(SegmentRef(nullptr).get(), nullptr);
}

}  // namespace
}  // namespace sse
