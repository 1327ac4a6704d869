#include "stream_id.hpp"

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

namespace sse {

void PrintTo(StreamId id, std::ostream* out) { *out << to_string(id); }

namespace {

constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();

TEST(StreamId, IsReadFromOneNumberOrTwo) {
  EXPECT_EQ(parse_stream_id("1526919030474-55"), (StreamId{1526919030474, 55}));
  EXPECT_EQ(parse_stream_id("7"), (StreamId{7, 0}));
  EXPECT_EQ(parse_stream_id("0-0"), kFirstStreamId);
  EXPECT_EQ(parse_stream_id("18446744073709551615-18446744073709551615"), kLastStreamId);
  EXPECT_EQ(parse_stream_id("0007-000"), (StreamId{7, 0}));
  EXPECT_EQ(parse_stream_id(std::string(61, '0') + "5-6"), (StreamId{5, 6})) << "64 bytes";
}

TEST(StreamId, IsNotReadFromAnythingElse) {
  const std::vector<std::string> wrong = {"",
                                          "-",
                                          "1-",
                                          "-1",
                                          "1--1",
                                          "1-1-1",
                                          "+1",
                                          "1-+1",
                                          " 1-1",
                                          "1-1 ",
                                          "1 -1",
                                          "1\n",
                                          "$",
                                          "+",
                                          "*",
                                          "1-*",
                                          "(1-1",
                                          "0x1",
                                          "1.0",
                                          "1e3",
                                          "a",
                                          "1-a",
                                          "18446744073709551616",
                                          "0-18446744073709551616",
                                          "18446744073709551615-18446744073709551616",
                                          std::string("1\0", 2),
                                          std::string("1-1\0", 4),
                                          "١-1",
                                          std::string(62, '0') + "5-6"};
  for (const std::string& text : wrong) {
    EXPECT_FALSE(parse_stream_id(text)) << text;
  }
}

TEST(StreamId, IsOrderedByMillisecondsThenSequence) {
  const std::vector<StreamId> ascending = {{0, 0}, {0, 1}, {0, kMax}, {1, 0}, {9, 9}, {10, 0}, {kMax, 0}, {kMax, kMax}};
  for (std::size_t i = 0; i < ascending.size(); ++i) {
    for (std::size_t j = 0; j < ascending.size(); ++j) {
      const StreamId a = ascending[i];
      const StreamId b = ascending[j];
      EXPECT_EQ(a == b, i == j) << to_string(a) << " " << to_string(b);
      EXPECT_EQ(a != b, i != j) << to_string(a) << " " << to_string(b);
      EXPECT_EQ(a < b, i < j) << to_string(a) << " " << to_string(b);
      EXPECT_EQ(a > b, i > j) << to_string(a) << " " << to_string(b);
      EXPECT_EQ(a <= b, i <= j) << to_string(a) << " " << to_string(b);
      EXPECT_EQ(a >= b, i >= j) << to_string(a) << " " << to_string(b);
    }
  }
}

TEST(StreamId, HasNeighboursAcrossMillisecondsAndNoneBeyondTheEnds) {
  EXPECT_EQ((StreamId{5, 6}.next()), (StreamId{5, 7}));
  EXPECT_EQ((StreamId{5, kMax}.next()), (StreamId{6, 0}));
  EXPECT_EQ((StreamId{5, 7}.previous()), (StreamId{5, 6}));
  EXPECT_EQ((StreamId{6, 0}.previous()), (StreamId{5, kMax}));
  EXPECT_EQ(kFirstStreamId.previous(), kFirstStreamId);
  EXPECT_EQ(kLastStreamId.next(), kLastStreamId);
}

TEST(StreamId, IsWrittenCanonically) {
  std::string text = "id: ";
  append_stream_id(text, {1526919030474, 55});
  EXPECT_EQ(text, "id: 1526919030474-55");
  EXPECT_EQ(to_string(kFirstStreamId), "0-0");
  EXPECT_EQ(to_string(kLastStreamId), "18446744073709551615-18446744073709551615");
  EXPECT_EQ(to_string(*parse_stream_id("007")), "7-0");
}

}  // namespace
}  // namespace sse
