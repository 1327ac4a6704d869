#include "event.hpp"

#include <gtest/gtest.h>

#include <string>

namespace sse {
namespace {

using namespace std::literals;

TEST(EventName, HoldsAnythingButLineEndsAndNul) {
  EXPECT_TRUE(is_valid_event_name(""));
  EXPECT_TRUE(is_valid_event_name("price: up \xC3\xA9\x01\xFF"));
  EXPECT_FALSE(is_valid_event_name("a\rb"));
  EXPECT_FALSE(is_valid_event_name("a\n"));
  EXPECT_FALSE(is_valid_event_name("a\0b"s));
}

TEST(EventId, HoldsPrintableAsciiThatIsSafeInACorsHeader) {
  const std::string unsafe = "\"():<>?@[\\]{}";
  for (int c = 0; c < 256; ++c) {
    const char character = static_cast<char>(c);
    const bool is_allowed = c >= 0x20 && c < 0x7f && unsafe.find(character) == std::string::npos;
    EXPECT_EQ(is_valid_event_id(std::string("a") + character + "b"), is_allowed) << c;
  }
}

TEST(EventId, MayBeEmptyAndAtMost128BytesLong) {
  EXPECT_TRUE(is_valid_event_id(""));
  EXPECT_TRUE(is_valid_event_id(std::string(128, '7')));
  EXPECT_FALSE(is_valid_event_id(std::string(129, '7')));
}

TEST(EventId, HasNoSpaceAtAnEndWhereAHeaderWouldLoseIt) {
  EXPECT_TRUE(is_valid_event_id("a b"));
  EXPECT_FALSE(is_valid_event_id(" a"));
  EXPECT_FALSE(is_valid_event_id("a "));
  EXPECT_FALSE(is_valid_event_id(" "));
}

}  // namespace
}  // namespace sse
