#include "redis_reply.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "scratch.hpp"

namespace sse::redis {
namespace {

using namespace std::literals;

using Result = ReplyReader::Result;

// The reply in a form to compare: "text", +status, -error, 5, nil, [elements].
std::string shown(ReplyView reply) {
  switch (reply.type()) {
    case ReplyType::string:
      return "\"" + std::string(reply.text()) + "\"";
    case ReplyType::status:
      return "+" + std::string(reply.text());
    case ReplyType::error:
      return "-" + std::string(reply.text());
    case ReplyType::integer:
      return std::to_string(reply.integer());
    case ReplyType::nil:
      return "nil";
    case ReplyType::array:
      break;
  }
  std::string elements;
  for (const ReplyView element : reply) {
    elements += (elements.empty() ? "" : " ") + shown(element);
  }
  return "[" + elements + "]";
}

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
  ReplyReader reader(0);
  Result last = Result::malformed;
  EXPECT_EQ(replies_in(reader, kMixed, last), kMixedShown);
  EXPECT_EQ(last, Result::need_more);
}

TEST(ReplyReader, ReadsTheSameInPiecesOfEverySize) {
  for (std::size_t size = 1; size <= kMixed.size(); ++size) {
    ReplyReader reader(64);
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
  ReplyReader reader(0);
  const std::string payload = "a\0\r\n$5\r\n\xFF"s;
  ASSERT_TRUE(reader.feed("$9\r\n" + payload + "\r\n"));
  ReplyView reply;
  ASSERT_EQ(reader.next(reply), Result::reply);
  EXPECT_EQ(reply.text(), payload);
}

TEST(ReplyReader, KeepsTheWholeRangeOfIntegers) {
  ReplyReader reader(0);
  Result last = Result::malformed;
  EXPECT_EQ(replies_in(reader, ":9223372036854775807\r\n:-9223372036854775808\r\n", last),
            (std::vector<std::string>{"9223372036854775807", "-9223372036854775808"}));
}

TEST(ReplyReader, AFailureLastsUntilReset) {
  ReplyReader reader(0);
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
  ReplyReader reader(0);
  ReplyView reply;
  ASSERT_TRUE(reader.feed("*2\r\n$3\r\nabc\r\n$9"));
  ASSERT_EQ(reader.next(reply), Result::need_more);
  reader.reset();
  ASSERT_TRUE(reader.feed(kMessage));
  ASSERT_EQ(reader.next(reply), Result::reply);
  EXPECT_EQ(shown(reply), kMixedShown[0]);
}

TEST(ReplyReader, NestingIsReadToSevenLevels) {
  ReplyReader reader(0);
  Result last = Result::malformed;
  EXPECT_EQ(replies_in(reader, "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", last), (std::vector<std::string>{"[[[[[[[1]]]]]]]"}));
}

// hiredis 0.14 has a bound of its own, 1.x has none.
TEST(ReplyReader, EndlessNestingIsRefused) {
  ReplyReader reader(100000);
  ReplyView reply;
  Result result = Result::need_more;
  for (int i = 0; i < 100000 && result == Result::need_more; ++i) {
    ASSERT_TRUE(reader.feed("*1\r\n"));
    result = reader.next(reply);
  }
  EXPECT_TRUE(result == Result::malformed || result == Result::too_large);
}

TEST(ReplyReader, AReplyOfExactlyTheLimitPasses) {
  ReplyReader reader(kMessage.size());
  Result last = Result::malformed;
  EXPECT_EQ(replies_in(reader, kMessage + kMessage + kMessage, last).size(), 3u);
  EXPECT_EQ(last, Result::need_more);
}

TEST(ReplyReader, ALargerReplyIsRefusedAlsoWhenComplete) {
  ReplyReader reader(kMessage.size() - 1);
  Result last = Result::malformed;
  EXPECT_EQ(replies_in(reader, "+OK\r\n" + kMessage, last), (std::vector<std::string>{"+OK"}));
  EXPECT_EQ(last, Result::too_large);
}

TEST(ReplyReader, AnIncompleteReplyIsRefusedAsSoonAsItIsTooLarge) {
  ReplyReader reader(1000);
  ReplyView reply;
  ASSERT_TRUE(reader.feed("$2000\r\n"));
  ASSERT_EQ(reader.next(reply), Result::need_more);
  ASSERT_TRUE(reader.feed(std::string(993, 'x')));
  ASSERT_EQ(reader.next(reply), Result::need_more);
  ASSERT_TRUE(reader.feed("x"));
  ASSERT_EQ(reader.next(reply), Result::too_large);
  EXPECT_EQ(reader.next(reply), Result::too_large);
  EXPECT_FALSE(reader.feed("x"));
}

TEST(ReplyReader, AnEndlessLineOrArrayIsRefusedToo) {
  for (const std::string piece : {"+xxxxxxxx", "*1000000\r\n:1\r\n:1\r\n"}) {
    ReplyReader reader(1000);
    ReplyView reply;
    Result result = Result::need_more;
    ASSERT_TRUE(reader.feed(piece));
    for (int i = 0; i < 1000 && result == Result::need_more; ++i) {
      ASSERT_TRUE(reader.feed(piece[0] == '+' ? "xxxxxxxx" : ":1\r\n"));
      result = reader.next(reply);
    }
    EXPECT_EQ(result, Result::too_large) << piece;
  }
}

TEST(ReplyReader, ManyRepliesInOneReadAreEachMeasuredAlone) {
  ReplyReader reader(100);
  std::string many;
  for (int i = 0; i < 1000; ++i) {
    many += kMessage;
  }
  Result last = Result::malformed;
  EXPECT_EQ(replies_in(reader, many, last).size(), 1000u);
  EXPECT_EQ(last, Result::need_more);
}

TEST(ReplyReader, AReplyMayBeLargerThanTheMemoryThatIsKept) {
  ReplyReader reader(0);
  const std::string large(4 * kScratchBytes, 'x');
  Result last = Result::malformed;
  const auto replies = replies_in(reader, "$" + std::to_string(large.size()) + "\r\n" + large + "\r\n" + kMessage, last);
  ASSERT_EQ(replies.size(), 2u);
  EXPECT_EQ(replies[0].size(), large.size() + 2);
  EXPECT_EQ(replies[1], kMixedShown[0]);
}

TEST(ReplyView, ElementsAreReachedByIndexPastNestedOnes) {
  ReplyReader reader(0);
  ASSERT_TRUE(reader.feed("*4\r\n*2\r\n:1\r\n*1\r\n$1\r\na\r\n*0\r\n$-1\r\n+x\r\n"));
  ReplyView reply;
  ASSERT_EQ(reader.next(reply), Result::reply);
  ASSERT_EQ(reply.size(), 4u);
  EXPECT_EQ(shown(reply.at(0)), "[1 [\"a\"]]");
  EXPECT_EQ(shown(reply.at(0).at(1)), "[\"a\"]");
  EXPECT_EQ(shown(reply.at(1)), "[]");
  EXPECT_EQ(shown(reply.at(2)), "nil");
  EXPECT_EQ(shown(reply.at(3)), "+x");
}

TEST(ReplyView, AnswersForOtherTypesAreEmpty) {
  const ReplyView nothing;
  EXPECT_EQ(nothing.type(), ReplyType::nil);
  EXPECT_EQ(nothing.size(), 0u);
  EXPECT_EQ(nothing.integer(), 0);
  EXPECT_EQ(nothing.text(), "");
  EXPECT_EQ(shown(nothing), "nil");

  ReplyReader reader(0);
  ASSERT_TRUE(reader.feed("*2\r\n$2\r\n12\r\n:7\r\n"));
  ReplyView reply;
  ASSERT_EQ(reader.next(reply), Result::reply);
  EXPECT_EQ(reply.text(), "");
  EXPECT_EQ(reply.at(0).integer(), 0);
  EXPECT_EQ(reply.at(0).size(), 0u);
  EXPECT_FALSE(reply.at(0).begin() != reply.at(0).end());
  EXPECT_EQ(reply.at(1).text(), "");
}

TEST(ReplyView, StatusAndStringAreTextAndAnErrorIsNot) {
  ReplyReader reader(0);
  ASSERT_TRUE(reader.feed("*3\r\n$1\r\na\r\n+b\r\n-ERR c\r\n"));
  ReplyView reply;
  ASSERT_EQ(reader.next(reply), Result::reply);
  EXPECT_TRUE(reply.is_array());
  EXPECT_FALSE(reply.is_text());
  EXPECT_TRUE(reply.at(0).is_text());
  EXPECT_TRUE(reply.at(1).is_text());
  EXPECT_FALSE(reply.at(2).is_text());
  EXPECT_TRUE(reply.at(2).is_error());
  EXPECT_EQ(reply.at(2).text(), "ERR c");
}

TEST(Command, IsAnArrayOfBulkStrings) {
  std::string out = "before";
  append_command(out, {"SUBSCRIBE", "news"});
  EXPECT_EQ(out, "before*2\r\n$9\r\nSUBSCRIBE\r\n$4\r\nnews\r\n");
}

TEST(Command, ArgumentsAreBinarySafeAndMayBeEmpty) {
  std::string out;
  append_command(out, {"AUTH", std::string_view(), "a\0\r\n "sv});
  EXPECT_EQ(out, "*3\r\n$4\r\nAUTH\r\n$0\r\n\r\n$5\r\na\0\r\n \r\n"s);
}

TEST(Command, ReadsBackAsItsArguments) {
  std::vector<std::string_view> args(300, "argument");
  std::string out;
  append_command(out, args.data(), args.size());
  ReplyReader reader(0);
  ASSERT_TRUE(reader.feed(out));
  ReplyView reply;
  ASSERT_EQ(reader.next(reply), Result::reply);
  ASSERT_EQ(reply.size(), args.size());
  for (const ReplyView argument : reply) {
    EXPECT_EQ(argument.text(), "argument");
  }
}

}  // namespace
}  // namespace sse::redis
