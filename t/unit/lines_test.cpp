#include "lines.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sse {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  LineSplitter splitter(text);
  for (std::string_view line; splitter.next(line);) {
    lines.emplace_back(line);
  }
  return lines;
}

TEST(Lines, EndWithCrlfCrOrLf) {
  EXPECT_THAT(lines_of("a\r\nb\rc\nd"), ElementsAre("a", "b", "c", "d"));
  EXPECT_THAT(lines_of("a\n\rb"), ElementsAre("a", "", "b"));
  EXPECT_THAT(lines_of("a\r\r\nb"), ElementsAre("a", "", "b"));
}

TEST(Lines, TextAfterTheLastLineEndIsALineAlsoWhenEmpty) {
  EXPECT_THAT(lines_of(""), ElementsAre(""));
  EXPECT_THAT(lines_of("\n"), ElementsAre("", ""));
  EXPECT_THAT(lines_of("\r\n"), ElementsAre("", ""));
  EXPECT_THAT(lines_of("a\r"), ElementsAre("a", ""));
}

TEST(Lines, AgreeWithABytewiseSplitterOnEveryShortText) {
  const std::string alphabet = "x\r\n";
  for (std::size_t size = 0; size <= 7; ++size) {
    std::size_t texts = 1;
    for (std::size_t i = 0; i < size; ++i) {
      texts *= alphabet.size();
    }
    for (std::size_t n = 0; n < texts; ++n) {
      std::string text;
      for (std::size_t rest = n; text.size() < size; rest /= alphabet.size()) {
        text.push_back(alphabet[rest % alphabet.size()]);
      }
      std::vector<std::string> expected(1);
      for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == 'x') {
          expected.back().push_back('x');
        } else if (text[i] == '\r' || i == 0 || text[i - 1] != '\r') {
          expected.emplace_back();
        }
      }
      ASSERT_EQ(lines_of(text), expected) << ::testing::PrintToString(text);
    }
  }
}

}  // namespace
}  // namespace sse
