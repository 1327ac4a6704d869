#include "pubsub_topic.hpp"

#include <gtest/gtest.h>

#include <string>

#include "delivery_fixture.hpp"

namespace sse {
namespace {

using test::chunk;
using test::Reader;
using test::ReaderOptions;
using test::text_event;

class TopicTest : public test::DeliveryTest {
 protected:
  static ReaderOptions with(PayloadForm form, Framing framing = Framing::plain) {
    ReaderOptions options;
    options.reading.encoding.payload = form;
    options.framing = framing;
    return options;
  }

  PubsubTopic& news_ = topic("news");
};

TEST_F(TopicTest, ReadersWithOneEncodingShareALog) {
  const auto one = open_reader({&news_});
  const auto two = open_reader({&news_});
  const auto chunked = open_reader({&news_}, with(PayloadForm::text, Framing::chunked));
  const auto json = open_reader({&news_}, with(PayloadForm::json));
  EXPECT_EQ(&one->log(), &two->log());
  EXPECT_NE(&one->log(), &chunked->log());
  EXPECT_NE(&one->log(), &json->log());
}

TEST_F(TopicTest, EachReaderGetsAMessageInItsOwnEncoding) {
  const auto text = open_reader({&news_});
  const auto chunked = open_reader({&news_}, with(PayloadForm::text, Framing::chunked));
  const auto json = open_reader({&news_}, with(PayloadForm::json));
  EXPECT_TRUE(news_.deliver("news", R"({"data":"x"})", now_ms_));
  flush();
  EXPECT_EQ(text->sink.bytes, text_event(R"({"data":"x"})"));
  EXPECT_EQ(chunked->sink.bytes, chunk(text_event(R"({"data":"x"})")));
  EXPECT_EQ(json->sink.bytes, text_event("x"));
}

TEST_F(TopicTest, AMessageCountsOnceHoweverManyLogsThereAre) {
  const auto text = open_reader({&news_});
  const auto json = open_reader({&news_}, with(PayloadForm::json));
  news_.deliver("news", "hello", now_ms_);
  EXPECT_EQ(hub_.counters().messages_received, 1u);
  EXPECT_EQ(hub_.counters().payloads_not_json, 1u);
}

TEST_F(TopicTest, ATooLargeMessageIsDroppedWhereItIsTooLarge) {
  ReaderOptions small = with(PayloadForm::text);
  small.reading.max_message_bytes = 10;
  ReaderOptions large = with(PayloadForm::json);
  large.reading.max_message_bytes = 1000;
  const auto one = open_reader({&news_}, small);
  const auto two = open_reader({&news_}, large);
  EXPECT_TRUE(news_.deliver("news", std::string(10, 'x'), now_ms_));
  EXPECT_FALSE(news_.deliver("news", std::string(11, 'x'), now_ms_));
  flush();
  EXPECT_EQ(one->sink.bytes, text_event(std::string(10, 'x')));
  EXPECT_EQ(two->sink.bytes, text_event(std::string(10, 'x')) + text_event(std::string(11, 'x')));
  EXPECT_EQ(hub_.counters().messages_too_large, 1u);
}

TEST_F(TopicTest, TheLargestBoundOfAllReadersOfALogCounts) {
  ReaderOptions options = with(PayloadForm::text);
  options.reading.max_message_bytes = 10;
  const auto small = open_reader({&news_}, options);
  EXPECT_FALSE(news_.deliver("news", std::string(20, 'x'), now_ms_));
  options.reading.max_message_bytes = 20;
  const auto large = open_reader({&news_}, options);
  EXPECT_TRUE(news_.deliver("news", std::string(20, 'x'), now_ms_));
  flush();
  EXPECT_EQ(small->sink.bytes, text_event(std::string(20, 'x')));
}

TEST_F(TopicTest, AMessageWithoutAnEventIsCountedAndNotSent) {
  const auto reader = open_reader({&news_}, with(PayloadForm::event));
  EXPECT_TRUE(news_.deliver("news", ": only a comment\n\n", now_ms_));
  flush();
  EXPECT_EQ(reader->sink.bytes, "");
  EXPECT_EQ(hub_.counters().messages_empty, 1u);
}

TEST_F(TopicTest, InvalidFieldsAreCounted) {
  const auto reader = open_reader({&news_}, with(PayloadForm::json));
  news_.deliver("news", R"({"data":"x","retry":-1})", now_ms_);
  EXPECT_EQ(hub_.counters().fields_invalid, 1u);
}

TEST_F(TopicTest, AMessageNobodyReadsIsReceivedAllTheSame) {
  EXPECT_TRUE(news_.deliver("news", "x", now_ms_));
  EXPECT_EQ(hub_.counters().messages_received, 1u);
  EXPECT_EQ(hub_.memory().bytes, 0u);
}

TEST_F(TopicTest, APatternsEventsAreNamedAfterTheirChannel) {
  PubsubTopic pattern(hub_, TopicKind::pattern, "news.*");
  ReaderOptions options;
  options.reading.encoding.default_event.kind = DefaultEvent::Kind::channel;
  const auto reader = open_reader({&pattern}, options);
  pattern.deliver("news.sport", "x", now_ms_);
  flush();
  EXPECT_EQ(reader->sink.bytes, "event: news.sport\ndata: x\n\n");
}

TEST_F(TopicTest, AResetReachesEveryOpenReaderInItsFraming) {
  const auto plain = open_reader({&news_});
  ReaderOptions options = with(PayloadForm::text, Framing::chunked);
  options.reading.encoding.reset_event = "start-over";
  const auto chunked = open_reader({&news_}, options);
  const auto waiting = waiting_reader({&news_});
  news_.announce_reset("broker-away", now_ms_);
  flush();
  EXPECT_EQ(plain->sink.bytes, "event: reset\ndata: {\"reason\":\"broker-away\",\"channel\":\"news\"}\n\n");
  EXPECT_EQ(chunked->sink.bytes, chunk("event: start-over\ndata: {\"reason\":\"broker-away\",\"channel\":\"news\"}\n\n"));
  EXPECT_EQ(hub_.counters().resets, 2u);

  hub_.admit(waiting->subscriber);
  flush();
  EXPECT_EQ(waiting->sink.bytes, "");
}

TEST_F(TopicTest, AResetStandsBeforeLaterMessagesAndBehindEarlierOnes) {
  const auto reader = open_reader({&news_});
  publish(news_, "earlier");
  news_.announce_reset("broker-away", now_ms_);
  publish(news_, "later");
  flush();
  EXPECT_EQ(reader->sink.bytes, text_event("earlier") + reset_block("reset", "broker-away", "news") + text_event("later"));
}

TEST_F(TopicTest, AResetNamesAnyChannelSafely) {
  PubsubTopic& odd = topic("a\"b\\c\xFF");
  const auto reader = open_reader({&odd});
  odd.announce_reset("broker-away", now_ms_);
  flush();
  EXPECT_EQ(reader->sink.bytes, "event: reset\ndata: {\"reason\":\"broker-away\",\"channel\":\"a\\\"b\\\\c\xEF\xBF\xBD\"}\n\n");
}

TEST_F(TopicTest, IsUnusedWhenTheLastReaderHasLeft) {
  EXPECT_TRUE(news_.is_unused());
  auto one = waiting_reader({&news_});
  auto two = open_reader({&news_});
  EXPECT_FALSE(news_.is_unused());
  one.reset();
  EXPECT_FALSE(news_.is_unused());
  two.reset();
  EXPECT_TRUE(news_.is_unused());
}

TEST_F(TopicTest, AWaitingReaderThatLeavesWaitsNoLonger) {
  auto reader = waiting_reader({&news_});
  EXPECT_EQ(news_.waiting().front(), &reader->subscriber[0]);
  reader->leave();
  EXPECT_TRUE(news_.waiting().empty());
}

// Several streams end in one flush, and leave one after the other.
TEST_F(TopicTest, ALogLivesUntilTheLastOfItsClosedReadersHasLeft) {
  auto one = open_reader({&news_});
  auto two = open_reader({&news_});
  auto three = open_reader({&news_});
  for (Reader* reader : {one.get(), two.get(), three.get()}) {
    hub_.finish(reader->subscriber, CloseReason::drain, "", now_ms_);
    EXPECT_EQ(reader->sink.ended, CloseReason::drain);
  }
  two.reset();
  publish(news_, "nobody is open");
  one.reset();
  three.reset();
  EXPECT_TRUE(news_.is_unused());
  EXPECT_EQ(hub_.memory().bytes, 0u);
}

TEST_F(TopicTest, AReaderMayJoinWhileClosedOnesStillHoldTheLog) {
  auto closed = open_reader({&news_});
  hub_.finish(closed->subscriber, CloseReason::drain, "", now_ms_);
  const auto joined = open_reader({&news_});
  closed.reset();
  publish(news_, "x");
  flush();
  EXPECT_EQ(joined->sink.bytes, text_event("x"));
}

TEST_F(TopicTest, ALogWithFramesToHandOutMayGo) {
  auto reader = open_reader({&news_});
  publish(news_, "x");
  reader.reset();
  EXPECT_EQ(hub_.memory().bytes, 0u);
  flush();
}

}  // namespace
}  // namespace sse
