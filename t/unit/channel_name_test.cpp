#include "channel_name.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace sse {
namespace {

using ::testing::ElementsAre;

// What Redis' stringmatchlen does, written anew: `*`, `?`, `[…]` with `^`, ranges and escapes, and `\` before any character.
bool redis_glob_matches(std::string_view pattern, std::string_view text) {
  while (!pattern.empty()) {
    if (pattern[0] == '*') {
      for (std::size_t skip = 0; skip <= text.size(); ++skip) {
        if (redis_glob_matches(pattern.substr(1), text.substr(skip))) {
          return true;
        }
      }
      return false;
    }
    if (text.empty()) {
      return false;
    }
    const char c = text[0];
    bool matches = false;
    std::size_t used = 1;
    if (pattern[0] == '?') {
      matches = true;
    } else if (pattern[0] == '[') {
      const bool is_negated = pattern.size() > 1 && pattern[1] == '^';
      used = is_negated ? 2 : 1;
      for (; used < pattern.size() && pattern[used] != ']'; ++used) {
        if (pattern[used] == '\\' && used + 1 < pattern.size()) {
          ++used;
          matches = matches || pattern[used] == c;
        } else if (used + 2 < pattern.size() && pattern[used + 1] == '-') {
          const char low = std::min(pattern[used], pattern[used + 2]);
          const char high = std::max(pattern[used], pattern[used + 2]);
          matches = matches || (c >= low && c <= high);
          used += 2;
        } else {
          matches = matches || pattern[used] == c;
        }
      }
      used = std::min(used + 1, pattern.size());
      matches = matches != is_negated;
    } else {
      used = pattern[0] == '\\' && pattern.size() > 1 ? 2 : 1;
      matches = pattern[used - 1] == c;
    }
    if (!matches) {
      return false;
    }
    pattern.remove_prefix(used);
    text.remove_prefix(1);
  }
  return text.empty();
}

TEST(ChannelName, Has1To256Bytes) {
  EXPECT_STREQ(channel_name_error(""), "is empty");
  EXPECT_EQ(channel_name_error("n"), nullptr);
  EXPECT_EQ(channel_name_error(std::string(256, 'n')), nullptr);
  EXPECT_STREQ(channel_name_error(std::string(257, 'n')), "is longer than 256 bytes");
}

TEST(ChannelName, IsNotThatOfAProbe) {
  EXPECT_STREQ(channel_name_error("sse:probe:1:2"), "begins with \"sse:probe:\", which is reserved");
  EXPECT_STREQ(channel_name_error("sse:probe:"), "begins with \"sse:probe:\", which is reserved");
  EXPECT_EQ(channel_name_error("sse:probe"), nullptr);
  EXPECT_EQ(channel_name_error("a sse:probe:"), nullptr);
}

TEST(ChannelName, HasNoControlCharacter) {
  for (int c = 0; c < 256; ++c) {
    const std::string name = std::string("a") + static_cast<char>(c) + "b";
    const bool is_control = c < 0x20 || c == 0x7f;
    EXPECT_EQ(is_valid_channel_name(name), !is_control) << c;
    EXPECT_EQ(channel_name_error(name) != nullptr, is_control) << c;
  }
}

TEST(EscapedGlob, MatchesItsTextOnly) {
  const std::string alphabet = "ab*?[]\\^-";
  std::mt19937 random(1);
  for (int round = 0; round < 20000; ++round) {
    std::string text;
    std::string other;
    for (std::size_t n = random() % 6; n > 0; --n) {
      text.push_back(alphabet[random() % alphabet.size()]);
      other.push_back(alphabet[random() % alphabet.size()]);
    }
    const std::string glob = escape_glob(text);
    ASSERT_TRUE(redis_glob_matches(glob, text)) << text;
    ASSERT_EQ(redis_glob_matches(glob, other), text == other) << text << " and " << other;
  }
}

TEST(EscapedGlob, StaysLiteralInsideALargerGlob) {
  EXPECT_TRUE(redis_glob_matches("news." + escape_glob("*") + ".*", "news.*.x"));
  EXPECT_FALSE(redis_glob_matches("news." + escape_glob("*") + ".*", "news.a.x"));
  const std::string alphabet = "abz*?[]\\^-";
  for (const char first : alphabet) {
    for (const char second : alphabet) {
      const std::string text = {first, second};
      const std::string glob = "[" + escape_glob(text) + "]";
      for (const char c : alphabet) {
        EXPECT_EQ(redis_glob_matches(glob, std::string(1, c)), text.find(c) != std::string::npos) << glob << " on " << c;
      }
    }
  }
}

TEST(EscapedGlob, LeavesOrdinaryNamesAlone) {
  EXPECT_EQ(escape_glob("events:news/a.b_c,d {1}\xC3\xA9"), "events:news/a.b_c,d {1}\xC3\xA9");
}

TEST(ChannelList, IsSplitAtCommasAndNothingElse) {
  std::vector<std::string_view> names;
  EXPECT_TRUE(split_channel_list("a, b ,pattern:c*", names));
  EXPECT_THAT(names, ElementsAre("a", " b ", "pattern:c*"));
}

TEST(ChannelList, OneNameIsAList) {
  std::vector<std::string_view> names = {"kept"};
  EXPECT_TRUE(split_channel_list("a", names));
  EXPECT_THAT(names, ElementsAre("kept", "a"));
}

TEST(ChannelList, AnEmptyItemIsAnError) {
  for (const char* list : {"", ",", "a,", ",a", "a,,b"}) {
    std::vector<std::string_view> names;
    EXPECT_FALSE(split_channel_list(list, names)) << list;
  }
}

}  // namespace
}  // namespace sse
