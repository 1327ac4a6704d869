#include "printable.hpp"

#include <gtest/gtest.h>

namespace sse {
namespace {

TEST(PrintableTest, OrdinaryTextStaysAsItIs) {
  EXPECT_EQ(printable("channel \"news\": gr\xc3\xbc\xc3\x9f dich"), "channel \"news\": gr\xc3\xbc\xc3\x9f dich");
  EXPECT_EQ(printable(""), "");
}

TEST(PrintableTest, NoLineOfItsOwnCanBeBegun) {
  EXPECT_EQ(printable("a\n2025/01/01 [emerg] forged\r\x1b[2J\x7f"), "a?2025/01/01 [emerg] forged??[2J?");
  EXPECT_EQ(printable(std::string_view("\0b", 2)), "?b");
}

TEST(PrintableTest, WhatIsLongIsCut) {
  EXPECT_EQ(printable(std::string(kMaxPrintable, 'x')), std::string(kMaxPrintable, 'x'));
  EXPECT_EQ(printable(std::string(kMaxPrintable + 1, 'x')), std::string(kMaxPrintable, 'x') + "...");
}

}  // namespace
}  // namespace sse
