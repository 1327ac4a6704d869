#include "composite_cursor.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "event.hpp"
#include "reference_cursor.hpp"

namespace sse {
namespace {

constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t kNow = 1'700'000'000'123;  // ms, as Redis's ids have it

// Two channels with the same tag.
constexpr const char* kTwin = "room:1251";
constexpr const char* kOtherTwin = "room:2357";

std::optional<StreamId> at(std::uint64_t ms, std::uint64_t seq) { return StreamId{ms, seq}; }

std::vector<std::string_view> views(const std::vector<std::string>& names) { return {names.begin(), names.end()}; }

// The empty text: it does not fit, or there is nothing to tell.
std::string written(const std::vector<std::string>& names, const Positions& positions) {
  std::string text = "before ";
  const bool appended = CursorNames(views(names)).append(text, positions);
  EXPECT_EQ(text.substr(0, 7), "before ");
  EXPECT_EQ(appended, text.size() > 7);
  return text.substr(7);
}

std::optional<Positions> parsed(const std::vector<std::string>& names, std::string_view text) {
  return CursorNames(views(names)).parse(text);
}

// Of channels with the same tag, some have a position and some do not.
bool is_a_twin_left_out(const std::vector<std::string>& names, const Positions& positions) {
  std::map<std::string, std::set<bool>> tags;
  for (std::size_t i = 0; i < names.size(); ++i) {
    tags[reference::tag_bytes(names[i])].insert(positions[i].has_value());
  }
  return names.size() > 1 && std::any_of(tags.begin(), tags.end(), [](const auto& tag) { return tag.second.size() == 2; });
}

TEST(CompositeCursor, OfOneChannelIsTheIdAsRedisWritesIt) {
  EXPECT_EQ(written({"news"}, {at(kNow, 5)}), "1700000000123-5");
  EXPECT_EQ(written({"news"}, {at(0, 0)}), "0-0");
  EXPECT_EQ(written({"news"}, {std::nullopt}), "");
  EXPECT_EQ(parsed({"news"}, "1700000000123-5"), Positions{at(kNow, 5)});
  EXPECT_EQ(parsed({"news"}, "00017-05"), Positions{at(17, 5)});
}

TEST(CompositeCursor, OfSeveralHasTheirTagsLengthsAndNumbers) {
  EXPECT_EQ(written({"news", "orders"}, {at(kNow, 1), at(1'700'000'000'456, 0)}), "sGfugxYvP5Wh7BHBaKwYvP5WnI");
  EXPECT_EQ(written({"news", "orders"}, {at(0, 0), at(kMax, kMax)}), "sGfugAHBaK_P__________P__________");
}

TEST(CompositeCursor, IsTheSameInWhicheverOrderTheChannelsAre) {
  const std::string text = written({"news", "orders"}, {at(7, 1), at(9, 2)});
  EXPECT_EQ(written({"orders", "news"}, {at(9, 2), at(7, 1)}), text);
  EXPECT_EQ(parsed({"orders", "news"}, text), (Positions{at(9, 2), at(7, 1)}));
}

TEST(CompositeCursor, LeavesOutAChannelWithoutAPosition) {
  const std::string text = written({"news", "orders"}, {std::nullopt, at(9, 2)});
  EXPECT_EQ(text, written({"orders", "others"}, {at(9, 2), std::nullopt}));
  EXPECT_EQ(parsed({"news", "orders"}, text), (Positions{std::nullopt, at(9, 2)}));
  EXPECT_EQ(written({"news", "orders"}, {std::nullopt, std::nullopt}), "");
}

TEST(CompositeCursor, HasTheShortestLengthThatHoldsANumberAtEveryBoundary) {
  const std::vector<std::size_t> lengths = {0, 1, 2, 3, 4, 5, 7, 11};
  std::vector<std::uint64_t> numbers = {0, kMax};
  for (unsigned bits = 6; bits < 64; bits += 6) {
    numbers.insert(numbers.end(), {(std::uint64_t{1} << bits) - 1, std::uint64_t{1} << bits});
  }
  for (const std::uint64_t ms : numbers) {
    for (const std::uint64_t seq : numbers) {
      std::size_t size = 1 + 2 * 5;  // and what the numbers take
      for (const std::uint64_t number : {ms, seq}) {
        size += *std::find_if(lengths.begin(), lengths.end(),
                              [number](std::size_t length) { return length == 11 || number >> (6 * length) == 0; });
      }
      const std::string text = written({"news", "orders"}, {at(ms, seq), at(0, 0)});
      EXPECT_EQ(text.size(), size) << ms << '-' << seq;
      EXPECT_EQ(parsed({"news", "orders"}, text), (Positions{at(ms, seq), at(0, 0)}));
    }
  }
}

TEST(CompositeCursor, OfEightChannelsIsAnEventIdWithSequenceNumbersBelow2To18) {
  std::vector<std::string> names;
  for (int i = 0; i < 8; ++i) {
    names.push_back("channel " + std::to_string(i));
  }
  for (const std::uint64_t ms : {kNow, (std::uint64_t{1} << 42) - 1}) {
    const Positions positions(names.size(), at(ms, (1 << 18) - 1));
    const std::string text = written(names, positions);
    EXPECT_EQ(text.size(), 121U);
    EXPECT_TRUE(is_valid_event_id(text));
    EXPECT_EQ(parsed(names, text), positions);
  }
}

TEST(CompositeCursor, ThatIsLongerThanAnEventIdIsNotWritten) {
  std::vector<std::string> names;
  for (int i = 0; i < 8; ++i) {
    names.push_back("channel " + std::to_string(i));
  }
  Positions positions(names.size(), at(kNow, 1 << 18));
  EXPECT_EQ(written(names, positions), "") << "129 bytes";
  positions[3] = at(kNow, (1 << 18) - 1);
  EXPECT_EQ(written(names, positions).size(), 128U);
  EXPECT_EQ(parsed(names, written(names, positions)), positions);
}

TEST(CompositeCursor, IsReadAsWrittenForRandomChannelsAndPositions) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const auto below = [&random](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  std::size_t fitting = 0;
  std::size_t too_long = 0;
  std::size_t with_twins = 0;
  for (int round = 0; round < 100'000; ++round) {
    std::vector<std::string> names;
    std::vector<std::pair<std::string, StreamId>> known;
    Positions positions(1 + below(8));
    const std::size_t first = below(20) == 0 ? 1251 : below(5000);  // twins beside each other
    for (std::optional<StreamId>& position : positions) {
      names.push_back("room:" + std::to_string(first + 1106 * names.size()));
      if (below(8) != 0) {
        position = below(2) == 0 ? StreamId{kNow + below(1'000'000), below(3) == 0 ? below(1 << 20) : 0}
                                 : StreamId{random() >> below(64), random() >> below(64)};
        known.emplace_back(names.back(), *position);
      }
    }
    const CursorNames cursor(views(names));
    std::string text;
    if (!cursor.append(text, positions)) {
      EXPECT_TRUE(known.empty() || reference::cursor(known).size() > kMaxEventId);
      ++too_long;
      continue;
    }
    ASSERT_TRUE(is_valid_event_id(text)) << text;
    if (round % 4 == 0) {
      ASSERT_EQ(text, names.size() == 1 ? to_string(known.front().second) : reference::cursor(known));
    }
    if (known.size() != names.size() && is_a_twin_left_out(names, positions)) {
      ASSERT_EQ(cursor.parse(text), std::nullopt) << text;
      ++with_twins;
      continue;
    }
    ASSERT_EQ(cursor.parse(text), positions) << text;
    ++fitting;
  }
  EXPECT_GT(fitting, 50'000U);
  EXPECT_GT(with_twins, 0U);
  EXPECT_GT(too_long, 1000U);
}

TEST(CompositeCursor, OfAChangedSetResumesWhatIsInBoth) {
  const std::string text = written({"a", "b", "c"}, {at(1, 1), at(2, 2), at(3, 3)});
  EXPECT_EQ(parsed({"c", "d", "a"}, text), (Positions{at(3, 3), std::nullopt, at(1, 1)}));
  EXPECT_EQ(parsed({"d", "e", "b", "f"}, text), (Positions{std::nullopt, std::nullopt, at(2, 2), std::nullopt}));
  EXPECT_EQ(parsed({"d", "e"}, text), std::nullopt) << "nothing matches";
}

TEST(CompositeCursor, OfSeveralChannelsIsGoodForOneOfThem) {
  const std::string text = written({"a", "b"}, {at(1, 1), at(2, 2)});
  EXPECT_EQ(parsed({"b"}, text), Positions{at(2, 2)});
  EXPECT_EQ(parsed({"c"}, text), std::nullopt);
}

TEST(CompositeCursor, OfOneChannelDoesNotSayToSeveralWhoseItIs) { EXPECT_EQ(parsed({"a", "b"}, "1700000000123-5"), std::nullopt); }

TEST(CompositeCursor, TellsChannelsWithTheSameTagApart) {
  ASSERT_EQ(reference::tag(kTwin), reference::tag(kOtherTwin));
  const std::string text = written({kOtherTwin, "a", kTwin}, {at(2, 0), at(3, 0), at(1, 0)});
  EXPECT_EQ(parsed({kTwin, kOtherTwin, "a"}, text), (Positions{at(1, 0), at(2, 0), at(3, 0)}));
  EXPECT_EQ(parsed({"a", kOtherTwin, kTwin, "b"}, text), (Positions{at(3, 0), at(2, 0), at(1, 0), std::nullopt}));
}

TEST(CompositeCursor, ThatNamesFewerOrMoreChannelsOfATagThanThereAreIsMalformed) {
  const std::string both = written({kTwin, kOtherTwin, "a"}, {at(1, 0), at(2, 0), at(3, 0)});
  const std::string one = written({kTwin, kOtherTwin, "a"}, {at(1, 0), std::nullopt, at(3, 0)});
  EXPECT_EQ(parsed({kTwin, "a"}, both), std::nullopt);
  EXPECT_EQ(parsed({"a", "b"}, both), std::nullopt);
  EXPECT_EQ(parsed({kTwin, kOtherTwin, "a"}, one), std::nullopt);
  EXPECT_EQ(parsed({"a", "b"}, one), (Positions{at(3, 0), std::nullopt}));
}

TEST(CompositeCursor, IsMalformedUnlessItIsExactlyAsWritten) {
  const std::string news = "GfugI7";  // at 59-0; orders is HBaK
  const std::vector<std::string> malformed = {
      "",
      "s",
      "x",
      "S" + news,
      "s" + news + news,  // twice
      "sHBaKA" + news,    // not in order
      "s" + news + "H",   // cut off
      "s" + news + "HBaK",
      "s" + news + "HBaKI",
      "s" + news + "HBaKA=",  // more after the last
      "s" + news + "HBaKA ",
      " s" + news,
      "sGfug=7",  // not base 64
      "sGfugI+",
      "sG/ugI7",
      std::string("sGfugI\0", 7),
      "sGfugI\xC3",
      "sGfugIA",  // shorter lengths would do
      "sGfugBA",
      "sGfugQAB",
      "sGfugwAABBBBB",
      "sGfug4AAAABBBBBBB",
      "sGfug4QAAAAAAAAAA",  // 2^64
      "sGfug4___________",
      "1700000000123-5",  // of one channel
      "1700000000123",
  };
  for (const std::string& text : malformed) {
    EXPECT_EQ(parsed({"news", "orders"}, text), std::nullopt) << text;
  }
  EXPECT_EQ(parsed({"news", "orders"}, "s" + news), (Positions{at(59, 0), std::nullopt}));
  EXPECT_EQ(parsed({"news", "orders"}, "s" + news + "HBaKA"), (Positions{at(59, 0), at(0, 0)}));
  EXPECT_EQ(parsed({"news", "orders"}, "sGfug4P__________"), (Positions{at(kMax, 0), std::nullopt}));
  EXPECT_EQ(parsed({"news", "orders"}, "sGfugwBAAAAA"), std::nullopt) << "cut off by one";
  EXPECT_EQ(parsed({"news", "orders"}, "sGfugwABAAAAA"), (Positions{at(std::uint64_t{1} << 30, 0), std::nullopt}));

  for (const char* text : {"", "s", "-", "1-", "-1", "1-1-1", "1 ", " 1", "1-18446744073709551616", "+1-1", "news", "HBaKA"}) {
    EXPECT_EQ(parsed({"news"}, text), std::nullopt) << text;
  }
}

TEST(CompositeCursor, LongerThanAnEventIdIsMalformed) {
  const std::vector<std::string> names = {"news"};
  const auto with_news = [&](std::size_t others) {
    std::vector<std::pair<std::string, StreamId>> positions = {{"news", {0, 0}}};
    for (std::size_t i = 0; i < others; ++i) {
      positions.emplace_back("other " + std::to_string(i), StreamId{});
    }
    return reference::cursor(positions);
  };
  EXPECT_EQ(with_news(24).size(), 126U);
  EXPECT_EQ(parsed(names, with_news(24)), Positions{at(0, 0)});
  EXPECT_EQ(parsed(names, with_news(25)), std::nullopt);
  EXPECT_EQ(parsed(names, with_news(10'000)), std::nullopt);
}

TEST(CompositeCursor, WithAnyCharacterChangedMissingOrDoubledIsMalformedOrAnother) {
  const std::vector<std::string> names = {"news", "orders", kTwin};
  const Positions positions = {at(kNow, 70), at(kNow + 4000, 0), at(12, 1)};
  const std::string text = written(names, positions);
  std::size_t accepted = 0;
  const auto check = [&](const std::string& changed) {
    const std::optional<Positions> found = parsed(names, changed);
    if (changed == text || !found) {
      return;
    }
    ++accepted;
    EXPECT_NE(*found, positions) << changed;
    if (std::all_of(found->begin(), found->end(), [](const auto& position) { return position.has_value(); })) {
      EXPECT_EQ(written(names, *found), changed);
    }
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (int c = 0; c < 256; ++c) {
      std::string changed = text;
      changed[i] = static_cast<char>(c);
      check(changed);
      check(text.substr(0, i) + static_cast<char>(c) + text.substr(i));
    }
    check(text.substr(0, i) + text.substr(i + 1));
    check(text.substr(0, i));
  }
  EXPECT_GT(accepted, 100U);
}

}  // namespace
}  // namespace sse
