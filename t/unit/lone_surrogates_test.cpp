#include "lone_surrogates.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace sse {
namespace {

TEST(LoneSurrogates, AreReplacedAndPairsAreNot) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"("\ud83d")", R"("\ufffd")"},
      {R"("a\uDE00b")", R"("a\ufffdb")"},
      {R"("\ud83d\ude00")", R"("\ud83d\ude00")"},
      {R"("\uD83D\ud83d\uDE00")", R"("\ufffd\ud83d\uDE00")"},
      {R"("\ud83d\u0041")", R"("\ufffd\u0041")"},
      {R"("\ud83d\n\ude00")", R"("\ufffd\n\ufffd")"},
      {R"("\ud7ff\ue000\ud800")", R"("\ud7ff\ue000\ufffd")"},
      {R"("\udbff\udfff\udfff")", R"("\udbff\udfff\ufffd")"},
  };
  for (const auto& [before, after] : cases) {
    std::string json = before;
    replace_lone_surrogates(json);
    EXPECT_EQ(json, after);
  }
}

TEST(LoneSurrogates, ABackslashBeforeTheEscapeMakesItText) {
  std::string json = R"("\\ud83d \\\ud83d")";
  replace_lone_surrogates(json);
  EXPECT_EQ(json, R"("\\ud83d \\\ufffd")");
}

TEST(LoneSurrogates, WhatIsNotAnEscapeStays) {
  for (const std::string text : {"", "\\", "\\u", "\\ud83", "\\ud8", "\\ud83g", "\\\\", "\\ud83d\\"}) {
    std::string json = text;
    replace_lone_surrogates(json);
    EXPECT_EQ(json, text == "\\ud83d\\" ? "\\ufffd\\" : text);
  }
}

}  // namespace
}  // namespace sse
