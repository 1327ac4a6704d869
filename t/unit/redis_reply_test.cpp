#include "redis_reply.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "reply_reader.hpp"
#include "shown_reply.hpp"

namespace sse::redis {
namespace {

using namespace std::literals;

using Result = ReplyReader::Result;

TEST(ReplyView, ElementsAreReachedByIndexPastNestedOnes) {
  ReplyReader reader({});
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

  ReplyReader reader({});
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
  ReplyReader reader({});
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
  ReplyReader reader({});
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
