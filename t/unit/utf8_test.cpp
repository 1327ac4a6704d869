#include "utf8.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace sse {
namespace {

using namespace std::literals;

const std::string kBad = "\xEF\xBF\xBD";  // U+FFFD

std::string repaired(std::string_view bytes) {
  std::string out;
  append_utf8(out, bytes);
  return out;
}

// UTF-8 of a code point by the definition of the encoding, surrogates included.
std::string encoded(char32_t c) {
  std::string out;
  const auto put = [&](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | c >> 6);
    put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | c >> 12);
    put(0x80 | (c >> 6 & 0x3F));
    put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | c >> 18);
    put(0x80 | (c >> 12 & 0x3F));
    put(0x80 | (c >> 6 & 0x3F));
    put(0x80 | (c & 0x3F));
  }
  return out;
}

TEST(Utf8, EveryCodePointButSurrogatesIsValidAndStaysAsItIs) {
  for (char32_t c = 0; c < 0x110000; ++c) {
    const bool is_surrogate = c >= 0xD800 && c <= 0xDFFF;
    const std::string bytes = encoded(c);
    ASSERT_EQ(is_valid_utf8(bytes), !is_surrogate) << std::hex << static_cast<unsigned>(c);
    if (!is_surrogate) {
      ASSERT_EQ(repaired(bytes), bytes) << std::hex << static_cast<unsigned>(c);
    }
  }
}

TEST(Utf8, ReplacesEachMaximalSubpartOnce) {
  // The Unicode Standard, tables 3-8 to 3-11, and what WHATWG's decoder does with the same.
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41", kBad + kBad + kBad + kBad + kBad + kBad + kBad + kBad + "A"},
      {"\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41", kBad + kBad + kBad + kBad + kBad + kBad + kBad + kBad + "A"},
      {"\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42", kBad + kBad + kBad + kBad + kBad + "A" + kBad + kBad + "B"},
      {"\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", kBad + kBad + kBad + kBad + "A"},
      {"\xC2", kBad},
      {"\xE2\x82", kBad},
      {"\xF0\x9F\x98", kBad},
      {"\xC2\xC3\xA9", kBad + "\xC3\xA9"},
      {"\xF5\xFE\xFF", kBad + kBad + kBad},
  };
  for (const auto& [bytes, expected] : cases) {
    EXPECT_FALSE(is_valid_utf8(bytes)) << ::testing::PrintToString(bytes);
    EXPECT_EQ(repaired(bytes), expected) << ::testing::PrintToString(bytes);
  }
}

TEST(Utf8, FindsAnInvalidByteAtEveryPlaceInALongText) {
  for (std::size_t size = 1; size < 40; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      std::string text(size, 'x');
      text[at] = '\xFF';
      EXPECT_FALSE(is_valid_utf8(text));
      EXPECT_EQ(repaired(text), std::string(at, 'x') + kBad + std::string(size - at - 1, 'x'));
    }
  }
}

TEST(Utf8, AppendsBehindWhatIsThere) {
  std::string out = "before ";
  append_utf8(out, "after");
  append_utf8(out, "");
  EXPECT_EQ(out, "before after");
}

TEST(Utf8, NulIsACharacterAsAnyOther) {
  const std::string text = "a\0b"s;
  EXPECT_TRUE(is_valid_utf8(text));
  EXPECT_EQ(repaired(text), text);
}

TEST(Utf8, OneLeadingByteOrderMarkIsTakenAway) {
  EXPECT_EQ(without_byte_order_mark("\xEF\xBB\xBFx"), "x");
  EXPECT_EQ(without_byte_order_mark("\xEF\xBB\xBF\xEF\xBB\xBFx"), "\xEF\xBB\xBFx");
  EXPECT_EQ(without_byte_order_mark("x\xEF\xBB\xBF"), "x\xEF\xBB\xBF");
  EXPECT_EQ(without_byte_order_mark("\xEF\xBB"), "\xEF\xBB");
  EXPECT_EQ(without_byte_order_mark(""), "");
}

}  // namespace
}  // namespace sse
