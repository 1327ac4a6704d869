#include "scratch.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sse {
namespace {

TEST(Scratch, UsualMemoryIsKeptForTheNextUse) {
  std::string text(kScratchBytes / 2, 'x');
  const std::size_t capacity = text.capacity();
  recycle(text);
  EXPECT_TRUE(text.empty());
  EXPECT_EQ(text.capacity(), capacity);
}

TEST(Scratch, UnusuallyMuchMemoryIsGivenBack) {
  std::vector<long> numbers(2 * kScratchBytes / sizeof(long));
  recycle(numbers);
  EXPECT_TRUE(numbers.empty());
  EXPECT_EQ(numbers.capacity(), 0u);
}

}  // namespace
}  // namespace sse
