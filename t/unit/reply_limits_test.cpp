// What a reader leaves out of a reply that is over its limits, and what it never does.
#include "reply_limits.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "reply_reader.hpp"
#include "shown_reply.hpp"

namespace sse::redis {
namespace {

using Result = ReplyReader::Result;

std::string bulk(std::string_view text) { return "$" + std::to_string(text.size()) + "\r\n" + std::string(text) + "\r\n"; }

std::string array(const std::vector<std::string>& elements) {
  std::string out = "*" + std::to_string(elements.size()) + "\r\n";
  for (const std::string& element : elements) {
    out += element;
  }
  return out;
}

std::string entry(const std::string& id, const std::vector<std::string>& fields) {
  std::vector<std::string> texts;
  for (const std::string& field : fields) {
    texts.push_back(bulk(field));
  }
  return array({bulk(id), array(texts)});
}

// All replies in `bytes`, which come in pieces of a size; then one line that says how it ended, unless well.
std::vector<std::string> read(ReplyLimits limits, std::string_view bytes, std::size_t piece = SIZE_MAX) {
  ReplyReader reader(limits);
  std::vector<std::string> replies;
  for (std::size_t at = 0; at < bytes.size(); at += std::min(piece, bytes.size() - at)) {
    EXPECT_TRUE(reader.feed(bytes.substr(at, piece)));
    ReplyView reply;
    Result result;
    while ((result = reader.next(reply)) == Result::reply) {
      replies.push_back(shown(reply));
    }
    if (result != Result::need_more) {
      replies.emplace_back(result == Result::too_large ? "too large" : "malformed");
      break;
    }
  }
  return replies;
}

std::string quoted(std::size_t size, char fill = 'x') { return '"' + std::string(size, fill) + '"'; }

TEST(ReplyLimits, AValueOfExactlyTheLimitIsKeptAndOneByteMoreIsCut) {
  const std::string bytes = bulk(std::string(100, 'x')) + bulk(std::string(101, 'x')) + bulk("after");
  for (const std::size_t piece : {1u, 7u, 1000u}) {
    EXPECT_EQ(read({100, 0}, bytes, piece), (std::vector<std::string>{quoted(100), "cut(101)", "\"after\""})) << piece;
  }
}

TEST(ReplyLimits, AShortValueIsKeptUnderTheSmallestLimits) {
  const std::string bytes = array({bulk(std::string(64, 'x')), bulk(std::string(65, 'x')), bulk("")});
  EXPECT_EQ(read({1, 0}, bytes), (std::vector<std::string>{"[" + quoted(64) + " cut(65) \"\"]"}));
  EXPECT_EQ(read({0, 1}, bytes), (std::vector<std::string>{"[" + quoted(64) + " cut(65) \"\"]"}));
}

TEST(ReplyLimits, WhatIsCutIsTheSameInPiecesOfEverySize) {
  const std::string large(300, 'x');
  const std::string bytes = array({entry("1-1", {"data", "a"}), entry("1-2", {"data", large, "n", ""}), entry("1-3", {large, "b"})}) +
                            "+OK\r\n" + bulk(large) + array({bulk("message"), bulk("news"), bulk(large)}) + ":7\r\n$-1\r\n" + bulk("end");
  const std::vector<std::string> expected = {R"([["1-1" ["data" "a"]] ["1-2" ["data" cut(300) "n" ""]] ["1-3" [cut(300) "b"]]])",
                                             "+OK",
                                             "cut(300)",
                                             R"(["message" "news" cut(300)])",
                                             "7",
                                             "nil",
                                             "\"end\""};
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
    ASSERT_EQ(read({200, 0}, bytes, piece), expected) << piece;
  }
}

TEST(ReplyLimits, WhatIsCutForItselfTakesNoRoomFromWhatFollows) {
  const std::string value(100, 'a');
  const std::string bytes = array({entry("1-1", {"data", std::string(5000, 'x')}), entry("1-2", {"data", value})});
  EXPECT_EQ(read({200, 1000}, bytes, 64),
            (std::vector<std::string>{R"([["1-1" ["data" cut(5000)]] ["1-2" ["data" ")" + value + R"("]]])"}));
}

TEST(ReplyLimits, ACutValueMayHoldWhatLooksLikeAReply) {
  const std::string inner = "\r\n$-1\r\n*1\r\n+OK\r\n" + std::string(100, '\n');
  for (std::size_t piece = 1; piece <= 20; ++piece) {
    EXPECT_EQ(read({64, 0}, bulk(inner) + bulk("after"), piece),
              (std::vector<std::string>{"cut(" + std::to_string(inner.size()) + ")", "\"after\""}));
  }
}

TEST(ReplyLimits, AReplyEndsOnlyWhenAllOfItsBytesHaveCome) {
  ReplyReader reader({64, 0});
  ReplyView reply;
  ASSERT_TRUE(reader.feed("$100\r\n" + std::string(101, 'x')));
  ASSERT_EQ(reader.next(reply), Result::need_more);
  ASSERT_EQ(reader.next(reply), Result::need_more);
  ASSERT_TRUE(reader.feed(""));
  ASSERT_EQ(reader.next(reply), Result::need_more);
  ASSERT_TRUE(reader.feed("x"));
  ASSERT_EQ(reader.next(reply), Result::reply);
  EXPECT_EQ(shown(reply), "cut(100)");
}

TEST(ReplyLimits, ResetForgetsWhatIsStillToBeSkipped) {
  ReplyReader reader({64, 0});
  ReplyView reply;
  ASSERT_TRUE(reader.feed(array({bulk("a"), "$100\r\n" + std::string(80, 'x')})));
  ASSERT_EQ(reader.next(reply), Result::need_more);
  reader.reset();
  ASSERT_TRUE(reader.feed("$-1\r\n"));
  ASSERT_EQ(reader.next(reply), Result::reply);
  EXPECT_EQ(shown(reply), "nil");
}

TEST(ReplyLimits, AValueWithoutEndIsSkippedWithoutEnd) {
  ReplyReader reader({1000, 1000});
  ReplyView reply;
  ASSERT_TRUE(reader.feed("$9223372036854775807\r\n"));
  for (int i = 0; i < 10'000; ++i) {
    ASSERT_TRUE(reader.feed("xxxxxxxxxxxxxxxx"));
    ASSERT_EQ(reader.next(reply), Result::need_more);
  }
}

TEST(ReplyLimits, ALengthThatIsNoneIsHiredisToRefuse) {
  for (const char* bytes : {"$1000x\r\n", "$18446744073709551616\r\n", "$-2\r\n", "$+1000\r\n"}) {
    EXPECT_EQ(read({64, 1000}, bytes, 1), std::vector<std::string>{"malformed"}) << bytes;
  }
}

// Each entry takes its nodes besides its 500 bytes: the third does not fit.
TEST(ReplyLimits, WhenTheReplyIsFullEntriesKeepTheirIdsAndLoseTheirFields) {
  const std::vector<std::string> fields = {"data", std::string(500, 'x')};
  const std::string page = array({entry("1-1", fields), entry("1-2", fields), entry("1-3", fields), entry("1-4", {"a", "b"})});
  const std::string kept = " [\"data\" " + quoted(500) + "]]";
  for (std::size_t piece = 1; piece <= page.size(); piece += 3) {
    ASSERT_EQ(read({0, 2000}, page + page, piece),
              (std::vector<std::string>(2, "[[\"1-1\"" + kept + " [\"1-2\"" + kept + R"( ["1-3" cut(504)] ["1-4" cut(2)]])")))
        << piece;
  }
}

TEST(ReplyLimits, AnEntryOfManyShortFieldsIsCutAsAWhole) {
  const std::vector<std::string> many(10'000, "f");
  const std::string page = array({entry("1-1", {"a", "b"}), entry("1-2", many), entry("1-3", {})});
  EXPECT_EQ(read({0, 4000}, page, 100), (std::vector<std::string>{R"([["1-1" ["a" "b"]] ["1-2" cut(10000)] ["1-3" []]])"}));
  // In a transaction, too, and when they are empty.
  const std::string empty = array({entry("1-2", std::vector<std::string>(10'000))});
  EXPECT_EQ(read({0, 4000}, array({array({}), empty}) + bulk("after")),
            (std::vector<std::string>{R"([[] [["1-2" cut(0)]]])", "\"after\""}));
}

TEST(ReplyLimits, WhatIsNestedInFieldsGoesWithThem) {
  const std::string nested = array({bulk(std::string(900, 'x')), array({bulk("a"), array({":1\r\n", bulk("b")})}), "+c\r\n", "$-1\r\n"});
  const std::string fields = array({nested, bulk(std::string(900, 'y')), nested, "*0\r\n", ":2\r\n"});
  const std::string page = array({array({bulk("1-1"), fields}), entry("1-2", {})});
  for (std::size_t piece = 1; piece <= 50; ++piece) {
    ASSERT_EQ(read({0, 1500}, page + ":3\r\n", piece), (std::vector<std::string>{R"([["1-1" cut(2706)] ["1-2" []]])", "3"})) << piece;
  }
}

TEST(ReplyLimits, AReplyOfShortValuesAloneIsRefusedAtTwiceTheLimit) {
  const auto ids = [](std::size_t count) { return array(std::vector<std::string>(count, bulk("1-1"))); };
  EXPECT_EQ(read({0, 10'000}, ids(300)).front().substr(0, 6), "[\"1-1\"");
  EXPECT_EQ(read({0, 10'000}, ids(3000)), std::vector<std::string>{"too large"});
  EXPECT_EQ(read({0, 10'000}, ids(3000), 10), std::vector<std::string>{"too large"});
}

TEST(ReplyLimits, EachReplyHasTheWholeLimit) {
  const std::string bytes = bulk(std::string(900, 'x'));
  std::string many;
  for (int i = 0; i < 100; ++i) {
    many += bytes;
  }
  EXPECT_EQ(read({0, 1000}, many, 333), std::vector<std::string>(100, quoted(900)));
}

// A length costs nothing until its elements come.
TEST(ReplyLimits, AnnouncedLengthsAreNotBelieved) {
  for (const std::string bytes : {"*2147483647\r\n", "*1000000000\r\n*1000000000\r\n*1000000000\r\n", "*2\r\n$536870912\r\n"}) {
    EXPECT_EQ(read({1000, 1000}, bytes, 3), std::vector<std::string>{}) << bytes;
  }
  EXPECT_EQ(read({1000, 1000}, "*-2\r\n"), std::vector<std::string>{"malformed"});
}

}  // namespace
}  // namespace sse::redis
