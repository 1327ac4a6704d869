#include "reply_reader.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "scratch.hpp"
#include "shown_reply.hpp"

namespace sse::redis {
namespace {

using namespace std::literals;

using Result = ReplyReader::Result;

// All replies in `bytes`, and the result that ended them.
std::vector<std::string> replies_in(ReplyReader& reader, std::string_view bytes, Result& last) {
  std::vector<std::string> replies;
  EXPECT_TRUE(reader.feed(bytes));
  ReplyView reply;
  while ((last = reader.next(reply)) == Result::reply) {
    replies.push_back(shown(reply));
  }
  return replies;
}

const std::string kMessage = "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n";
const std::string kMixed =
    kMessage + ":-42\r\n+OK\r\n-ERR no\r\n$-1\r\n*-1\r\n*0\r\n$0\r\n\r\n*4\r\n*2\r\n:1\r\n*1\r\n$1\r\na\r\n*0\r\n$-1\r\n+x\r\n";
const std::vector<std::string> kMixedShown = {"[\"message\" \"news\" \"hello\"]", "-42", "+OK", "-ERR no", "nil", "nil", "[]", "\"\"",
                                              "[[1 [\"a\"]] [] nil +x]"};

TEST(ReplyReader, ReadsEveryTypeOfReply) {
  ReplyReader reader({});
  Result last = Result::malformed;
  EXPECT_EQ(replies_in(reader, kMixed, last), kMixedShown);
  EXPECT_EQ(last, Result::need_more);
}

TEST(ReplyReader, ReadsTheSameInPiecesOfEverySize) {
  for (std::size_t size = 1; size <= kMixed.size(); ++size) {
    ReplyReader reader({64, 64});
    std::vector<std::string> all;
    for (std::size_t at = 0; at < kMixed.size(); at += size) {
      Result last = Result::malformed;
      for (std::string& reply : replies_in(reader, std::string_view(kMixed).substr(at, size), last)) {
        all.push_back(std::move(reply));
      }
      ASSERT_EQ(last, Result::need_more) << size;
    }
    ASSERT_EQ(all, kMixedShown) << size;
  }
}

TEST(ReplyReader, BytesAreBinarySafe) {
  ReplyReader reader({});
  const std::string payload = "a\0\r\n$5\r\n\xFF"s;
  ASSERT_TRUE(reader.feed("$9\r\n" + payload + "\r\n"));
  ReplyView reply;
  ASSERT_EQ(reader.next(reply), Result::reply);
  EXPECT_EQ(reply.text(), payload);
}

TEST(ReplyReader, KeepsTheWholeRangeOfIntegers) {
  ReplyReader reader({});
  Result last = Result::malformed;
  EXPECT_EQ(replies_in(reader, ":9223372036854775807\r\n:-9223372036854775808\r\n", last),
            (std::vector<std::string>{"9223372036854775807", "-9223372036854775808"}));
}

TEST(ReplyReader, AFailureLastsUntilReset) {
  ReplyReader reader({});
  ASSERT_TRUE(reader.feed("!nonsense\r\n"));
  ReplyView reply;
  EXPECT_EQ(reader.next(reply), Result::malformed);
  EXPECT_EQ(reader.next(reply), Result::malformed);
  EXPECT_FALSE(reader.feed("+OK\r\n"));
  reader.reset();
  ASSERT_TRUE(reader.feed("+OK\r\n"));
  ASSERT_EQ(reader.next(reply), Result::reply);
  EXPECT_EQ(reply.text(), "OK");
}

TEST(ReplyReader, ResetForgetsHalfAReply) {
  ReplyReader reader({});
  ReplyView reply;
  ASSERT_TRUE(reader.feed("*2\r\n$3\r\nabc\r\n$9"));
  ASSERT_EQ(reader.next(reply), Result::need_more);
  reader.reset();
  ASSERT_TRUE(reader.feed(kMessage));
  ASSERT_EQ(reader.next(reply), Result::reply);
  EXPECT_EQ(shown(reply), kMixedShown[0]);
}

TEST(ReplyReader, NestingIsReadToSevenLevels) {
  ReplyReader reader({});
  Result last = Result::malformed;
  EXPECT_EQ(replies_in(reader, "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", last), (std::vector<std::string>{"[[[[[[[1]]]]]]]"}));
}

// hiredis 0.14 has a bound of its own, 1.x has none.
TEST(ReplyReader, EndlessNestingIsRefused) {
  ReplyReader reader({0, 100000});
  ReplyView reply;
  Result result = Result::need_more;
  for (int i = 0; i < 100000 && result == Result::need_more; ++i) {
    ASSERT_TRUE(reader.feed("*1\r\n"));
    result = reader.next(reply);
  }
  EXPECT_TRUE(result == Result::malformed || result == Result::too_large);
}

TEST(ReplyReader, AnEndlessLineOrArrayIsRefused) {
  for (const std::string piece :
       {"+xxxxxxxx", "-xxxxxxxx", "*1000000\r\n:1\r\n:1\r\n", "*2147483647\r\n*0\r\n", "*1000000\r\n$1\r\nx\r\n"}) {
    ReplyReader reader({0, 1000});
    ReplyView reply;
    Result result = Result::need_more;
    ASSERT_TRUE(reader.feed(piece));
    const std::string more = piece[0] == '*' ? piece.substr(piece.find('\n') + 1) : "xxxxxxxx";
    int pieces = 0;
    for (; pieces < 1000 && result == Result::need_more; ++pieces) {
      ASSERT_TRUE(reader.feed(more));
      result = reader.next(reply);
    }
    EXPECT_EQ(result, Result::too_large) << piece;
    EXPECT_GT(pieces, 1) << piece;
    EXPECT_EQ(reader.next(reply), Result::too_large);
    EXPECT_FALSE(reader.feed("x"));
  }
}

TEST(ReplyReader, ACompleteReplyThatCannotBeCutIsRefusedToo) {
  ReplyReader reader({0, 1000});
  Result last = Result::malformed;
  EXPECT_EQ(replies_in(reader, "+OK\r\n+" + std::string(10'000, 'x') + "\r\n", last), (std::vector<std::string>{"+OK"}));
  EXPECT_EQ(last, Result::too_large);
}

TEST(ReplyReader, AReplyThatWasTooLargeBeforeItsFieldsWereCutIsRefusedHoweverItsBytesAreDivided) {
  std::string numbers = "*2\r\n$3\r\n1-1\r\n*102\r\n$1\r\nf\r\n";
  for (int i = 0; i < 100; ++i) {
    numbers += ":1\r\n";
  }
  const std::string text = "$100\r\n" + std::string(100, 'x') + "\r\n";
  const std::string large = "$2000\r\n" + std::string(2000, 'x') + "\r\n";
  const std::string line = "*2\r\n$3\r\n1-1\r\n*2\r\n" + large + "+" + std::string(4000, 'x') + "\r\n";
  for (const std::string& reply : {numbers + text, line}) {
    for (const std::size_t size : {std::size_t{7}, std::size_t{500}, reply.size()}) {
      ReplyReader reader({0, 1000});
      Result last = Result::need_more;
      for (std::size_t at = 0; at < reply.size() && last == Result::need_more; at += size) {
        EXPECT_TRUE(replies_in(reader, std::string_view(reply).substr(at, size), last).empty());
      }
      EXPECT_EQ(last, Result::too_large) << reply[25] << ' ' << size;
    }
  }
}

TEST(ReplyReader, ManyRepliesInOneReadAreEachMeasuredAlone) {
  ReplyReader reader({100, 100});
  std::string many;
  for (int i = 0; i < 1000; ++i) {
    many += kMessage;
  }
  Result last = Result::malformed;
  EXPECT_EQ(replies_in(reader, many, last).size(), 1000u);
  EXPECT_EQ(last, Result::need_more);
}

TEST(ReplyReader, AReplyMayBeLargerThanTheMemoryThatIsKept) {
  ReplyReader reader({});
  const std::string large(4 * kScratchBytes, 'x');
  Result last = Result::malformed;
  const auto replies = replies_in(reader, "$" + std::to_string(large.size()) + "\r\n" + large + "\r\n" + kMessage, last);
  ASSERT_EQ(replies.size(), 2u);
  EXPECT_EQ(replies[0].size(), large.size() + 2);
  EXPECT_EQ(replies[1], kMixedShown[0]);
}

}  // namespace
}  // namespace sse::redis
