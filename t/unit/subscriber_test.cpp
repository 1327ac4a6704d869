#include "subscriber.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "delivery_fixture.hpp"

namespace sse {
namespace {

using test::chunk;
using test::kKeepaliveFrame;
using test::Reader;
using test::ReaderOptions;
using test::slow_reset;
using test::text_event;

// The private parts are driven as the hub drives them.
class SubscriberTest : public test::DeliveryTest {
 protected:
  static ReaderOptions skipping(std::size_t buffer_bytes = 2048) {
    ReaderOptions options;
    options.subscriber.slow = SlowPolicy::skip;
    options.reading.buffer_bytes = buffer_bytes;
    return options;
  }

  static ReaderOptions with_ids() {
    ReaderOptions options;
    options.reading.encoding.payload = PayloadForm::event;
    return options;
  }

  // Leaves the reader with a full connection and the first `room` bytes of a frame on `topic` given.
  void stop_within_a_frame(Reader& reader, PubsubTopic& topic, std::size_t room) {
    reader.sink.room = room;
    publish(topic, kLong);
    flush();
    ASSERT_EQ(reader.sink.bytes.size(), room);
  }

  void overflow(PubsubTopic& topic) {
    for (int i = 0; i < 10; ++i) {
      publish(topic, std::string(1000, 'x'));
      flush();
    }
  }

  const std::string kLong = std::string(300, 'L');
  PubsubTopic& news_ = topic("news");
  PubsubTopic& sport_ = topic("sport");
  PubsubTopic& music_ = topic("music");
};

TEST_F(SubscriberTest, EveryReasonHasItsWord) {
  EXPECT_STREQ(to_string(CloseReason::client), "client");
  EXPECT_STREQ(to_string(CloseReason::slow), "slow");
  EXPECT_STREQ(to_string(CloseReason::drain), "drain");
  EXPECT_STREQ(to_string(CloseReason::lifetime), "lifetime");
  EXPECT_STREQ(to_string(CloseReason::limit), "limit");
  EXPECT_STREQ(to_string(CloseReason::error), "error");
}

TEST_F(SubscriberTest, FramesOfAllChannelsComeInTheOrderOfArrival) {
  const auto reader = open_reader({&news_, &sport_, &music_});
  std::string expected;
  for (int i = 0; i < 30; ++i) {
    PubsubTopic& topic = *std::vector<PubsubTopic*>{&sport_, &news_, &news_, &music_}[static_cast<std::size_t>(i * i) % 4];
    publish(topic, std::to_string(i));
    expected += text_event(std::to_string(i));
  }
  flush();
  EXPECT_EQ(reader->sink.bytes, expected);
  EXPECT_EQ(reader->sink.sends.size(), 1u);
}

TEST_F(SubscriberTest, HoweverLittleIsTakenAtATimeTheBytesAreTheSame) {
  for (std::size_t step = 1; step < 30; ++step) {
    const auto reader = open_reader({&news_, &sport_});
    reader->sink.room = 0;
    std::string expected;
    for (int i = 0; i < 12; ++i) {
      publish(i % 3 == 0 ? news_ : sport_, std::string(static_cast<std::size_t>(i), 'x'));
      expected += text_event(std::string(static_cast<std::size_t>(i), 'x'));
    }
    flush();
    for (std::size_t taken = 0; taken < expected.size(); taken += step) {
      ASSERT_EQ(reader->sink.bytes, expected.substr(0, taken)) << step;
      make_writable(*reader, step);
    }
    ASSERT_EQ(reader->sink.bytes, expected) << step;
  }
}

TEST_F(SubscriberTest, ABatchHoldsNoMoreThanItsLimits) {
  ReaderOptions options;
  const auto narrow = open_reader({&news_, &sport_}, options);
  narrow->sink.limit_bytes = 7;
  const auto wide = open_reader({&news_, &sport_}, options);
  std::string expected;
  for (int i = 0; i < 100; ++i) {
    publish(i % 2 == 0 ? news_ : sport_, "x");
    expected += text_event("x");
  }
  flush();
  EXPECT_EQ(narrow->sink.bytes, expected);
  EXPECT_EQ(wide->sink.bytes, expected);
  // 64 frames of two channels in turn, then the other 36.
  EXPECT_EQ(wide->sink.sends, (std::vector<std::size_t>{64 * 9, 36 * 9}));
}

TEST_F(SubscriberTest, WhatIsOfOneChannelGoesOutWhole) {
  const auto reader = open_reader({&news_, &sport_});
  std::string expected;
  for (int i = 0; i < 1000; ++i) {
    publish(news_, "x");
    expected += text_event("x");
  }
  flush();
  EXPECT_EQ(reader->sink.bytes, expected);
  EXPECT_EQ(reader->sink.sends.size(), 1u);
}

TEST_F(SubscriberTest, ABegunFrameComesBeforeEverythingElse) {
  const auto reader = open_reader({&news_, &sport_});
  stop_within_a_frame(*reader, sport_, 100);
  publish(news_, "news");
  publish(sport_, "sport");
  hub_.finish(reader->subscriber, CloseReason::drain, "retry: 1\n\n", now_ms_);
  make_writable(*reader);
  EXPECT_EQ(reader->sink.bytes, text_event(kLong) + "retry: 1\n\n");
  EXPECT_EQ(reader->sink.ended, CloseReason::drain);
}

TEST_F(SubscriberTest, WhoSkipsGetsTheRestOfItsFrameThenAResetThenTheNewest) {
  for (const Framing framing : {Framing::plain, Framing::chunked}) {
    const auto framed = [framing](const std::string& bytes) { return framing == Framing::chunked ? chunk(bytes) : bytes; };
    ReaderOptions options = skipping();
    options.framing = framing;
    const auto reader = open_reader({&news_}, options);
    stop_within_a_frame(*reader, news_, 100);
    overflow(news_);
    EXPECT_TRUE(reader->subscriber[0].skipped);
    make_writable(*reader);
    publish(news_, "newest");
    flush();
    EXPECT_EQ(reader->sink.bytes, framed(text_event(kLong)) + framed(slow_reset("news")) + framed(text_event("newest")));
  }
  EXPECT_EQ(hub_.counters().slow_skipped, 2u);
  EXPECT_EQ(hub_.counters().resets, 2u);
}

TEST_F(SubscriberTest, ThePinnedFrameAndTheResetMayGoOutByteByByte) {
  const auto reader = open_reader({&news_}, skipping());
  stop_within_a_frame(*reader, news_, 1);
  overflow(news_);
  const std::string before = text_event(kLong) + slow_reset("news");
  for (std::size_t i = 1; i <= before.size(); ++i) {
    EXPECT_EQ(reader->sink.bytes, before.substr(0, i));
    overflow(news_);
    make_writable(*reader, 1);
  }
  make_writable(*reader);
  reader->sink.take();
  publish(news_, "newest");
  flush();
  EXPECT_EQ(reader->sink.bytes, text_event("newest"));
}

TEST_F(SubscriberTest, OnlyTheOverfullChannelIsSkipped) {
  const auto reader = open_reader({&news_, &sport_, &music_}, skipping());
  stop_within_a_frame(*reader, sport_, 100);
  publish(music_, "music");
  overflow(news_);
  publish(sport_, "sport");
  make_writable(*reader);
  EXPECT_EQ(reader->sink.bytes, text_event(kLong) + slow_reset("news") + text_event("music") + text_event("sport"));
}

TEST_F(SubscriberTest, SeveralChannelsMayBeSkippedAtOnce) {
  const auto reader = open_reader({&news_, &sport_, &music_}, skipping());
  stop_within_a_frame(*reader, sport_, 100);
  overflow(sport_);
  overflow(news_);
  make_writable(*reader);
  publish(news_, "news");
  publish(sport_, "sport");
  flush();
  EXPECT_EQ(reader->sink.bytes, text_event(kLong) + slow_reset("sport") + slow_reset("news") + text_event("news") + text_event("sport"));
}

TEST_F(SubscriberTest, APinnedFrameKeepsItsSegmentAndNothingElse) {
  const auto reader = open_reader({&news_}, skipping());
  stop_within_a_frame(*reader, news_, 100);
  overflow(news_);
  const auto other = open_reader({&news_}, skipping());
  flush();
  EXPECT_LE(hub_.memory().bytes, reader->log().bytes() + 2048 + 200);
  make_writable(*reader);
  flush();
  EXPECT_EQ(hub_.memory().bytes, 0u);
}

TEST_F(SubscriberTest, EventsCountWhenTheyAreGivenWhole) {
  const auto reader = open_reader({&news_, &sport_});
  EXPECT_EQ(reader->subscriber.events_sent(), 0u);
  publish(news_, "a");
  publish(sport_, "b");
  publish(news_, "c");
  flush();
  EXPECT_EQ(reader->subscriber.events_sent(), 3u);
  reader->sink.take();
  stop_within_a_frame(*reader, news_, 100);
  EXPECT_EQ(reader->subscriber.events_sent(), 3u);
  make_writable(*reader);
  EXPECT_EQ(reader->subscriber.events_sent(), 4u);
}

TEST_F(SubscriberTest, APinnedEventCountsOnce) {
  const auto reader = open_reader({&news_}, skipping());
  stop_within_a_frame(*reader, news_, 100);
  overflow(news_);
  EXPECT_EQ(reader->subscriber.events_sent(), 0u);
  make_writable(*reader);
  EXPECT_EQ(reader->subscriber.events_sent(), 1u);
}

TEST_F(SubscriberTest, KeepalivesAreNotEvents) {
  ReaderOptions options;
  options.subscriber.keepalive_ms = 100;
  const auto reader = open_reader({&news_}, options);
  now_ms_ += 100;
  flush();
  EXPECT_EQ(reader->sink.bytes, kKeepaliveFrame);
  EXPECT_EQ(reader->subscriber.events_sent(), 0u);
}

TEST_F(SubscriberTest, TheLastIdIsOfTheLatestFrameOnAnyChannel) {
  const auto reader = open_reader({&news_, &sport_}, with_ids());
  EXPECT_EQ(reader->subscriber.last_id(), "");
  publish(sport_, "id: 1\ndata");
  publish(news_, "id: 2\ndata");
  publish(sport_, "data: without");
  flush();
  EXPECT_EQ(reader->subscriber.last_id(), "2");
  publish(sport_, "id: 3\ndata");
  flush();
  EXPECT_EQ(reader->subscriber.last_id(), "3");
}

TEST_F(SubscriberTest, TheIdOfAFrameInTheMiddleIsNotYetTheLast) {
  const auto reader = open_reader({&news_}, with_ids());
  publish(news_, "id: 1\ndata");
  flush();
  reader->sink.room = 9;
  publish(news_, "id: 2\ndata: more");
  flush();
  EXPECT_EQ(reader->subscriber.last_id(), "1");
  make_writable(*reader);
  EXPECT_EQ(reader->subscriber.last_id(), "2");
}

TEST_F(SubscriberTest, TheLastIdIsKnownAfterTheEnd) {
  const auto reader = open_reader({&news_}, with_ids());
  publish(news_, "id: 1\ndata");
  flush();
  hub_.finish(reader->subscriber, CloseReason::drain, "", now_ms_);
  publish(news_, "id: 2\ndata");
  EXPECT_EQ(reader->subscriber.last_id(), "1");
  reader->leave();
  EXPECT_EQ(reader->subscriber.last_id(), "1");
}

TEST_F(SubscriberTest, TheIdsOfSkippedFramesAreNotItsOwn) {
  ReaderOptions options = skipping();
  options.reading.encoding.payload = PayloadForm::event;
  const auto reader = open_reader({&news_}, options);
  publish(news_, "id: given\ndata");
  flush();
  reader->sink.room = 0;
  for (int i = 0; i < 10; ++i) {
    publish(news_, "id: lost\ndata: " + std::string(1000, 'x'));
    flush();
  }
  EXPECT_EQ(reader->subscriber.last_id(), "given");
  make_writable(*reader);
  flush();
  EXPECT_EQ(reader->sink.bytes.find("lost"), std::string::npos);
  EXPECT_EQ(reader->subscriber.last_id(), "given");
}

TEST_F(SubscriberTest, StandsAtAFrameBoundaryOnlyBetweenFrames) {
  const auto reader = open_reader({&news_}, skipping());
  EXPECT_TRUE(reader->subscriber.at_frame_boundary());
  stop_within_a_frame(*reader, news_, 100);
  EXPECT_FALSE(reader->subscriber.at_frame_boundary());
  overflow(news_);
  EXPECT_FALSE(reader->subscriber.at_frame_boundary());
  make_writable(*reader, text_event(kLong).size() - 100);
  EXPECT_TRUE(reader->subscriber.at_frame_boundary());
  make_writable(*reader, 1);
  EXPECT_FALSE(reader->subscriber.at_frame_boundary()) << "in the middle of the reset";
  make_writable(*reader);
  EXPECT_TRUE(reader->subscriber.at_frame_boundary());
}

}  // namespace
}  // namespace sse
