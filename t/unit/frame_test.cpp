#include "frame.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>

#include "reference_event_stream.hpp"
#include "utf8.hpp"

namespace sse {
namespace {

using namespace std::literals;

using ::testing::ElementsAre;

Event with_data(std::string_view data) {
  Event event;
  event.data = data;
  event.has_data = true;
  return event;
}

std::string block_of(const Event& event, std::string_view default_name = {}) {
  std::string out;
  append_event(out, event, default_name);
  return out;
}

TEST(EventBlock, HasFieldsInTheirOrder) {
  Event event = with_data("hello\nworld");
  event.name = "greeting";
  event.id = "1-0";
  event.has_id = true;
  event.retry_ms = 1500;
  EXPECT_EQ(block_of(event), "id: 1-0\nevent: greeting\nretry: 1500\ndata: hello\ndata: world\n\n");
}

TEST(EventBlock, EmptyDataIsStillAnEvent) { EXPECT_EQ(block_of(with_data("")), "data: \n\n"); }

TEST(EventBlock, LeadingSpacesOfDataArrive) {
  reference::Client client;
  client.read(block_of(with_data("  two\n one")));
  ASSERT_EQ(client.events.size(), 1u);
  EXPECT_EQ(client.events[0].data, "  two\n one");
}

TEST(EventBlock, EveryLineEndOfDataBeginsANewDataLine) {
  EXPECT_EQ(block_of(with_data("a\rid: 1\r\nb\n\nc\n")), "data: a\ndata: id: 1\ndata: b\ndata: \ndata: c\ndata: \n\n");
}

TEST(EventBlock, WithoutDataIsOnlyWhatTheClientRemembers) {
  Event position;
  position.id = "5-0";
  position.has_id = true;
  position.name = "never-dispatched";
  EXPECT_EQ(block_of(position, "fallback"), "id: 5-0\n\n");
}

TEST(EventBlock, AnEmptyIdIsWritten) {
  Event event = with_data("x");
  event.has_id = true;
  EXPECT_EQ(block_of(event), "id: \ndata: x\n\n");
}

TEST(EventBlock, DefaultNameIsForEventsWithoutTheirOwn) {
  Event event = with_data("x");
  EXPECT_EQ(block_of(event, "news"), "event: news\ndata: x\n\n");
  event.name = "own";
  EXPECT_EQ(block_of(event, "news"), "event: own\ndata: x\n\n");
}

TEST(EventBlock, ANameWithALineEndIsLeftOut) {
  EXPECT_EQ(block_of(with_data("x"), "news\ndata: forged"), "data: x\n\n");
  Event event = with_data("x");
  event.name = "a\rid: 9";
  EXPECT_EQ(block_of(event), "data: x\n\n");
}

TEST(EventBlock, DataAndNameBecomeValidUtf8) {
  Event event = with_data("\xFF\xC3\xA9\xE2\x82");
  event.name = "\x80name";
  EXPECT_EQ(block_of(event), "event: \xEF\xBF\xBDname\ndata: \xEF\xBF\xBD\xC3\xA9\xEF\xBF\xBD\n\n");
}

TEST(EventBlock, NulInDataArrives) {
  const std::string data = "a\0b"s;
  reference::Client client;
  client.read(block_of(with_data(data)));
  ASSERT_EQ(client.events.size(), 1u);
  EXPECT_EQ(client.events[0].data, data);
}

TEST(EventBlock, WhateverTheDataTheClientGetsItBackAsOneEvent) {
  const std::array<std::string, 14> pieces = {
      "a", "\r", "\n", "\r\n", " ", ":", "data: ", "id: 7", "event: x", "retry: 1", "\xFF", "\xE2\x82", "\xC3\xA9", std::string(1, '\0')};
  std::mt19937 random(20240229);
  for (int round = 0; round < 20000; ++round) {
    std::string data;
    for (std::size_t n = random() % 12; n > 0; --n) {
      data += pieces[random() % pieces.size()];
    }
    const std::string block = block_of(with_data(data), "tick");
    reference::Client client;
    client.read(block);

    std::string expected;  // line ends become LF, as a client sees them
    for (std::size_t i = 0; i < data.size(); ++i) {
      if (data[i] != '\r') {
        expected.push_back(data[i]);
      } else if (i + 1 == data.size() || data[i + 1] != '\n') {
        expected.push_back('\n');
      }
    }
    std::string valid;
    append_utf8(valid, expected);
    ASSERT_THAT(client.events, ElementsAre(reference::Dispatched{"tick", valid, ""})) << ::testing::PrintToString(data);
    ASSERT_EQ(client.retry_ms, std::nullopt);
    ASSERT_TRUE(is_valid_utf8(block));
    ASSERT_EQ(block.find('\r'), std::string::npos);
    ASSERT_LE(block.size(), 7 * data.size() + std::string("event: tick\ndata: \n\n").size());
  }
}

TEST(CommentBlock, IsIgnoredByClientsOnEachOfItsLines) {
  std::string out;
  append_comment(out, "keepalive");
  EXPECT_EQ(out, ": keepalive\n\n");

  append_comment(out, "two\rdata: lines");
  reference::Client client;
  client.read(out);
  EXPECT_TRUE(client.events.empty());
  EXPECT_THAT(client.comments, ElementsAre("keepalive", "two", "data: lines"));
}

TEST(RetryBlock, HoldsTheWholeRangeOfMilliseconds) {
  std::string out;
  append_retry(out, 0);
  append_retry(out, 4294967295u);
  EXPECT_EQ(out, "retry: 0\n\nretry: 4294967295\n\n");
}

TEST(Chunk, HasItsSizeInLowercaseHexadecimal) {
  std::string out;
  append_chunk(out, "0123456789");
  append_chunk(out, std::string(0x1af, 'x'));
  EXPECT_EQ(out, "a\r\n0123456789\r\n1af\r\n" + std::string(0x1af, 'x') + "\r\n");
}

TEST(Chunk, OfNothingIsNothingAsItWouldEndTheBody) {
  std::string out;
  append_chunk(out, "");
  EXPECT_EQ(out, "");
}

TEST(Chunk, HeaderOfTheLargestSizeFits) {
  std::array<char, kMaxChunkHeader> header;
  char* const end = header.data() + header.size();
  EXPECT_EQ(std::string(write_chunk_header(end, SIZE_MAX), end), "ffffffffffffffff\r\n");
}

TEST(ResetBlock, SaysReasonAndChannelAsJson) {
  EXPECT_EQ(reset_block("reset", "broker-away", "news"), "event: reset\ndata: {\"reason\":\"broker-away\",\"channel\":\"news\"}\n\n");
}

TEST(ResetBlock, EscapesAndRepairsTheChannel) {
  EXPECT_EQ(reset_block("reset", "slow", "a\"\\\r\n\xFF\xC3\xA9"),
            "event: reset\ndata: {\"reason\":\"slow\",\"channel\":\"a\\\"\\\\\\r\\n\xEF\xBF\xBD\xC3\xA9\"}\n\n");
}

TEST(BlockId, IsTheLastOneAmongSeveralEvents) { EXPECT_EQ(block_id("id: 1\ndata: x\n\nid: 2-0\ndata: id: 3\n\ndata: y\n\n"), "2-0"); }

TEST(BlockId, IsFoundInAChunkToo) { EXPECT_EQ(block_id("11\r\nid: 7\ndata: x\n\n\r\n"), "7"); }

TEST(BlockId, IsEmptyWithoutOne) {
  EXPECT_EQ(block_id(": keepalive\n\n"), "");
  EXPECT_EQ(block_id("data: id: 3\n\n"), "");
  EXPECT_EQ(block_id("id: 1\n\nid: \ndata: x\n\n"), "");
  EXPECT_EQ(block_id(""), "");
}

}  // namespace
}  // namespace sse
