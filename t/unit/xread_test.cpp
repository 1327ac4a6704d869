#include "xread.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "fake_redis.hpp"

namespace sse::redis {
namespace {

using test::array;
using test::bulk;

bool is_good(const std::string& bytes, std::size_t streams) {
  ReplyReader reader{ReplyLimits()};
  ReplyView reply;
  EXPECT_TRUE(reader.feed(bytes));
  EXPECT_EQ(reader.next(reply), ReplyReader::Result::reply);
  return is_xread_reply(reply, streams);
}

std::string entry(std::string_view id) { return array({bulk(id), array({bulk("data"), bulk("x")})}); }
std::string stream(std::string_view key, const std::vector<std::string>& entries) { return array({bulk(key), array(entries)}); }

TEST(XreadTest, ACommandNamesEachStreamWithItsPosition) {
  XreadCommand command;
  for (int i = 0; i < 2; ++i) {
    command.clear();
    command.add("a", {1, 2});
    command.add("b b", {18446744073709551615U, 0});
    EXPECT_EQ(command.streams(), 2u);
    EXPECT_EQ(command.arguments(16, 9500), (std::vector<std::string_view>{"XREAD", "COUNT", "16", "BLOCK", "9500", "STREAMS", "a", "b b",
                                                                          "1-2", "18446744073709551615-0"}));
  }
}

TEST(XreadTest, AnAnswerIsNilOrAListOfSomeOfTheStreamsWithTheirEntries) {
  EXPECT_TRUE(is_good("*-1\r\n", 1));
  EXPECT_TRUE(is_good(array({stream("a", {entry("1-1"), entry("1-2")})}), 2));
  EXPECT_TRUE(is_good(array({stream("a", {entry("1-1")}), stream("b", {entry("1-1")})}), 2));
  EXPECT_TRUE(is_good(array({stream("a", {array({bulk("1-1"), "*-1\r\n"})})}), 1)) << "an entry that is withdrawn";
}

TEST(XreadTest, AnythingElseIsNot) {
  EXPECT_FALSE(is_good(":0\r\n", 1));
  EXPECT_FALSE(is_good("+OK\r\n", 1));
  EXPECT_FALSE(is_good(array({stream("a", {entry("1-1")}), stream("b", {entry("1-1")})}), 1)) << "more than were asked for";
  EXPECT_FALSE(is_good(array({stream("a", {})}), 1));
  EXPECT_FALSE(is_good(array({bulk("a")}), 1));
  EXPECT_FALSE(is_good(array({array({bulk("a")})}), 1));
  EXPECT_FALSE(is_good(array({array({":1\r\n", array({entry("1-1")})})}), 1));
  EXPECT_FALSE(is_good(array({stream("a", {bulk("1-1")})}), 1));
  EXPECT_FALSE(is_good(array({stream("a", {array({bulk("1-1")})})}), 1));
  EXPECT_FALSE(is_good(array({stream("a", {array({":1\r\n", array({})})})}), 1));
}

}  // namespace
}  // namespace sse::redis
