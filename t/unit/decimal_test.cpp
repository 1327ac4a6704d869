#include "decimal.hpp"

#include <gtest/gtest.h>

#include <cstdint>

namespace sse {
namespace {

TEST(Decimal, TakesDigitsThatFitTheType) {
  std::uint16_t value = 1;
  EXPECT_TRUE(parse_decimal("65535", value));
  EXPECT_EQ(value, 65535);
  EXPECT_TRUE(parse_decimal("0", value));
  EXPECT_EQ(value, 0);
  EXPECT_TRUE(parse_decimal("007", value));
  EXPECT_EQ(value, 7);
}

TEST(Decimal, RefusesAllElseAndLeavesTheValueAlone) {
  std::uint16_t value = 5;
  for (const char* text : {"", "-1", "+1", " 1", "1 ", "1.0", "0x1", "1e2", "65536", "99999999999999999999999"}) {
    EXPECT_FALSE(parse_decimal(text, value)) << text;
    EXPECT_EQ(value, 5) << text;
  }
}

}  // namespace
}  // namespace sse
