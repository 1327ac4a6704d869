#include "event_payload.hpp"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "frame.hpp"
#include "reference_event_stream.hpp"

namespace sse {
namespace {

using namespace std::literals;

class EventPayloadTest : public ::testing::Test {
 protected:
  const std::vector<Event>& decoded(std::string payload) {
    payload_ = std::move(payload);
    events_.clear();
    notes_ = DecodeNotes();
    decode_event_payload(payload_, scratch_, events_, notes_);
    return events_;
  }

  // The one event of a payload.
  Event only(std::string payload) {
    decoded(std::move(payload));
    EXPECT_EQ(events_.size(), 1u) << payload_;
    return events_.empty() ? Event() : events_.front();
  }

  std::string payload_;
  std::string scratch_;
  std::vector<Event> events_;
  DecodeNotes notes_;
};

TEST_F(EventPayloadTest, TakesAllFieldsInAnyOrder) {
  const Event event = only("data: hello\nretry: 1500\nevent: greeting\nid: 1-0\ndata: world\n\n");
  EXPECT_EQ(event.data, "hello\nworld");
  EXPECT_TRUE(event.has_data);
  EXPECT_EQ(event.name, "greeting");
  EXPECT_EQ(event.id, "1-0");
  EXPECT_TRUE(event.has_id);
  EXPECT_EQ(event.retry_ms, 1500u);
  EXPECT_FALSE(notes_.invalid_field);
}

TEST_F(EventPayloadTest, TheLastEventNeedsNoBlankLine) {
  EXPECT_EQ(only("data: x").data, "x");
  EXPECT_EQ(only("data: x\n").data, "x");
  EXPECT_EQ(only("data: x\r").data, "x");
}

TEST_F(EventPayloadTest, HoldsSeveralEvents) {
  decoded("data: 1a\ndata: 1b\n\n\n\ndata: 2\n\ndata: 3a\ndata: 3b\ndata: 3c");
  ASSERT_EQ(events_.size(), 3u);
  EXPECT_EQ(events_[0].data, "1a\n1b");
  EXPECT_EQ(events_[1].data, "2");
  EXPECT_EQ(events_[2].data, "3a\n3b\n3c");
}

TEST_F(EventPayloadTest, JoinedDataOfEarlierEventsStaysInPlace) {
  std::string payload;
  for (int i = 0; i < 200; ++i) {
    payload += "data: first line\ndata: second line\n\n";
  }
  ASSERT_EQ(decoded(payload).size(), 200u);
  for (const Event& event : events_) {
    EXPECT_EQ(event.data, "first line\nsecond line");
  }
}

TEST_F(EventPayloadTest, FieldsDoNotLeakIntoTheNextEvent) {
  decoded("event: a\nid: 1\nretry: 2\ndata: x\n\ndata: y\n\n");
  ASSERT_EQ(events_.size(), 2u);
  EXPECT_EQ(events_[1].name, "");
  EXPECT_FALSE(events_[1].has_id);
  EXPECT_EQ(events_[1].retry_ms, std::nullopt);
}

TEST_F(EventPayloadTest, OneSpaceAfterTheColonIsNotPartOfTheValue) {
  EXPECT_EQ(only("data:x").data, "x");
  EXPECT_EQ(only("data: x").data, "x");
  EXPECT_EQ(only("data:  x").data, " x");
  EXPECT_EQ(only("data: a: b").data, "a: b");
}

TEST_F(EventPayloadTest, AFieldWithoutColonIsEmpty) {
  const Event event = only("data\nid");
  EXPECT_TRUE(event.has_data);
  EXPECT_EQ(event.data, "");
  EXPECT_TRUE(event.has_id);
  EXPECT_EQ(event.id, "");
  EXPECT_EQ(only("data\ndata").data, "\n");
}

TEST_F(EventPayloadTest, CommentsAndUnknownFieldsAreDropped) {
  EXPECT_EQ(only(": comment\n:\nfoo: bar\nDATA: x\n data: y\ndata : z\ndata: kept\n").data, "kept");
  EXPECT_FALSE(notes_.invalid_field);
  EXPECT_TRUE(decoded(": keepalive\n\n").empty());
}

TEST_F(EventPayloadTest, EventsThatTellAClientNothingAreDropped) {
  EXPECT_TRUE(decoded("").empty());
  EXPECT_TRUE(decoded("\n\r\n\r").empty());
  EXPECT_TRUE(decoded("event: nobody\n\n").empty());
  EXPECT_TRUE(decoded("hello").empty());
}

TEST_F(EventPayloadTest, AnIdOrARetryAloneIsKept) {
  const Event position = only("id: 5-0");
  EXPECT_EQ(position.id, "5-0");
  EXPECT_FALSE(position.has_data);
  EXPECT_EQ(only("retry: 0").retry_ms, 0u);
}

TEST_F(EventPayloadTest, TheLastOfRepeatedNamesAndIdsCounts) {
  const Event event = only("event: a\nid: 1\nevent: b\nid: 2\nretry: 1\nretry: 2\ndata");
  EXPECT_EQ(event.name, "b");
  EXPECT_EQ(event.id, "2");
  EXPECT_EQ(event.retry_ms, 2u);
}

TEST_F(EventPayloadTest, AWrongFieldIsLeftOutAndTheRestSent) {
  for (const std::string& field : {std::string("id: a:b"), "id: a\0b"s, std::string("id: \xC3\xA9"), "id: " + std::string(129, 'x'),
                                   "event: a\0b"s, std::string("retry"), std::string("retry: soon"), std::string("retry: -1"),
                                   std::string("retry: 1 "), std::string("retry: 4294967296")}) {
    const Event event = only("data: kept\n" + field + "\n\n");
    EXPECT_EQ(event.data, "kept") << field;
    EXPECT_EQ(event.name, "") << field;
    EXPECT_FALSE(event.has_id) << field;
    EXPECT_EQ(event.retry_ms, std::nullopt) << field;
    EXPECT_TRUE(notes_.invalid_field) << field;
  }
}

TEST_F(EventPayloadTest, ALeadingByteOrderMarkIsSkipped) {
  EXPECT_EQ(only("\xEF\xBB\xBF"
                 "data: x")
                .data,
            "x");
  EXPECT_TRUE(decoded("\xEF\xBB\xBF\xEF\xBB\xBF"
                      "data: x")
                  .empty());
}

TEST_F(EventPayloadTest, AClientOfTheFrameSeesWhatAClientOfThePayloadWouldSee) {
  const std::array<std::string, 14> pieces = {
      "data", "event", "id", "retry", "data:", "data: ", "event: ", ":", " ", "a", "5", "\r", "\n", "\r\n"};
  std::mt19937 random(7);
  for (int round = 0; round < 50000; ++round) {
    std::string payload;
    for (std::size_t n = random() % 16; n > 0; --n) {
      payload += pieces[random() % pieces.size()];
    }
    std::string frame;
    for (const Event& event : decoded(payload)) {
      append_event(frame, event, {});
    }
    if (notes_.invalid_field) {
      continue;  // left out on purpose
    }
    reference::Client of_frame;
    of_frame.read(frame);
    reference::Client of_payload;
    of_payload.read(payload + "\n\n");
    ASSERT_EQ(of_frame.events, of_payload.events) << ::testing::PrintToString(payload);
    ASSERT_EQ(of_frame.last_event_id, of_payload.last_event_id) << ::testing::PrintToString(payload);
    ASSERT_EQ(of_frame.retry_ms, of_payload.retry_ms) << ::testing::PrintToString(payload);
  }
}

}  // namespace
}  // namespace sse
