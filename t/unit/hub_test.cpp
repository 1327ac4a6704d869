#include "hub.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "delivery_fixture.hpp"

namespace sse {
namespace {

using test::chunk;
using test::FakeDeadline;
using test::kKeepaliveFrame;
using test::Reader;
using test::ReaderOptions;
using test::slow_reset;
using test::text_event;

constexpr std::string_view kFarewell = "retry: 4711\n\n";

class HubTest : public test::DeliveryTest {
 protected:
  static ReaderOptions options(SlowPolicy slow, std::size_t buffer_bytes = 2048) {
    ReaderOptions options;
    options.subscriber.slow = slow;
    options.reading.buffer_bytes = buffer_bytes;
    return options;
  }

  static ReaderOptions with_keepalive(std::uint64_t keepalive_ms) {
    ReaderOptions options;
    options.subscriber.keepalive_ms = keepalive_ms;
    return options;
  }

  static ReaderOptions with_timeout(std::uint64_t timeout_ms) {
    ReaderOptions options;
    options.subscriber.send_timeout_ms = timeout_ms;
    return options;
  }

  // More than the bound, with a flush after each message: only who does not take it is left behind.
  void overflow(PubsubTopic& topic) {
    for (int i = 0; i < 10; ++i) {
      publish(topic, std::string(1000, 'x'));
      flush();
    }
  }

  // More than the bound and a burst on top of it, before anybody is served.
  void flood(PubsubTopic& topic) {
    for (int i = 0; i < 120; ++i) {
      publish(topic, std::string(10000, 'x'));
    }
  }

  void finish(Reader& reader, std::string_view farewell = kFarewell) {
    hub_.finish(reader.subscriber, CloseReason::drain, farewell, now_ms_);
  }

  PubsubTopic& news_ = topic("news");
  PubsubTopic& sport_ = topic("sport");
};

// Opening

TEST_F(HubTest, TheSinkIsToldFromAFlushNotFromWithinAdmit) {
  const auto reader = waiting_reader({&news_});
  hub_.admit(reader->subscriber);
  EXPECT_EQ(reader->sink.confirmations, 0);
  EXPECT_EQ(reader->subscriber.state(), Subscriber::State::opening);
  EXPECT_EQ(scheduler_.calls, 1);
  flush();
  EXPECT_EQ(reader->sink.confirmations, 1);
  EXPECT_EQ(reader->subscriber.state(), Subscriber::State::open);
  EXPECT_EQ(hub_.counters().subscribers_opened, 1u);
}

TEST_F(HubTest, WhatIsPublishedFromTheOpeningOnArrivesAndNothingEarlier) {
  const auto first = open_reader({&news_});
  const auto reader = waiting_reader({&news_});
  publish(news_, "before admit");
  hub_.admit(reader->subscriber);
  publish(news_, "before open");
  hub_.open(reader->subscriber, Framing::plain, now_ms_);
  publish(news_, "after");
  flush();
  EXPECT_EQ(reader->sink.bytes, text_event("after"));
}

TEST_F(HubTest, ASinkMayAnswerLater) {
  const auto reader = waiting_reader({&news_});
  reader->sink.when_confirmed = nullptr;
  hub_.admit(reader->subscriber);
  flush();
  flush();
  EXPECT_EQ(reader->sink.confirmations, 1);
  hub_.open(reader->subscriber, Framing::plain, now_ms_);
  publish(news_, "x");
  flush();
  EXPECT_EQ(reader->sink.bytes, text_event("x"));
}

TEST_F(HubTest, ASinkMayGiveUpWhenItIsTold) {
  const auto reader = waiting_reader({&news_});
  reader->sink.when_confirmed = [&] { hub_.forget(reader->subscriber); };
  hub_.admit(reader->subscriber);
  flush();
  EXPECT_EQ(reader->subscriber.state(), Subscriber::State::closed);
  publish(news_, "x");
  flush();
}

TEST_F(HubTest, ThousandsOpenInSlices) {
  std::vector<std::unique_ptr<Reader>> readers;
  for (int i = 0; i < 100; ++i) {
    readers.push_back(waiting_reader({&news_}));
    hub_.admit(readers.back()->subscriber);
  }
  FakeDeadline deadline(0);
  EXPECT_TRUE(hub_.flush(deadline, now_ms_));
  EXPECT_LT(hub_.counters().subscribers_opened, 100u);
  flush();
  EXPECT_EQ(hub_.counters().subscribers_opened, 100u);
}

// Delivery

TEST_F(HubTest, ThousandsAreToldInSlices) {
  std::vector<std::unique_ptr<Reader>> readers;
  for (int i = 0; i < 200; ++i) {
    readers.push_back(open_reader({&news_}));
  }
  for (const auto& reader : readers) {
    hub_.tell(reader->subscriber, text_event("x"), now_ms_);
  }
  const auto told = [&] {
    return std::count_if(readers.begin(), readers.end(), [](const auto& reader) { return !reader->sink.bytes.empty(); });
  };
  FakeDeadline at_once(0);
  EXPECT_TRUE(hub_.flush(at_once, now_ms_));
  EXPECT_GT(told(), 0);
  EXPECT_LT(told(), 200);
  flush();
  EXPECT_EQ(told(), 200);
}

TEST_F(HubTest, PublishingAsksForAFlushAndWritesNothing) {
  const auto reader = open_reader({&news_});
  const int calls = scheduler_.calls;
  publish(news_, "x");
  EXPECT_GT(scheduler_.calls, calls);
  EXPECT_TRUE(reader->sink.sends.empty());
}

TEST_F(HubTest, ManyMessagesOnManyChannelsAreOneSendForEachReader) {
  const auto one = open_reader({&news_, &sport_});
  const auto two = open_reader({&sport_});
  for (int i = 0; i < 10; ++i) {
    publish(i % 2 == 0 ? news_ : sport_, "x");
  }
  flush();
  EXPECT_EQ(one->sink.sends.size(), 1u);
  EXPECT_EQ(two->sink.sends.size(), 1u);
  EXPECT_EQ(hub_.counters().sends, 2u);
  EXPECT_EQ(hub_.counters().bytes_sent, 15 * text_event("x").size());
}

TEST_F(HubTest, WhoHasNothingToGetIsNotWrittenTo) {
  const auto reader = open_reader({&sport_});
  publish(news_, "x");
  flush();
  EXPECT_TRUE(reader->sink.sends.empty());
}

TEST_F(HubTest, AFullConnectionIsLeftAloneUntilItIsWritable) {
  const auto reader = open_reader({&news_});
  reader->sink.room = 5;
  publish(news_, "one");
  flush();
  EXPECT_EQ(reader->sink.sends.size(), 1u);
  publish(news_, "two");
  flush();
  EXPECT_EQ(reader->sink.sends.size(), 1u);
  make_writable(*reader);
  EXPECT_EQ(reader->sink.bytes, text_event("one") + text_event("two"));
  publish(news_, "three");
  flush();
  EXPECT_EQ(reader->sink.bytes, text_event("one") + text_event("two") + text_event("three"));
}

TEST_F(HubTest, AConnectionThatTookAllMayBeFullToo) {
  const auto reader = open_reader({&news_});
  reader->sink.holds_all = true;
  publish(news_, "one");
  flush();
  EXPECT_EQ(reader->sink.bytes, text_event("one"));
  publish(news_, "two");
  flush();
  EXPECT_EQ(reader->sink.bytes, text_event("one"));
  reader->sink.holds_all = false;
  make_writable(*reader);
  EXPECT_EQ(reader->sink.bytes, text_event("one") + text_event("two"));
}

TEST_F(HubTest, ANeedlessWritableChangesNothing) {
  const auto reader = open_reader({&news_});
  make_writable(*reader);
  EXPECT_TRUE(reader->sink.sends.empty());
  publish(news_, "x");
  make_writable(*reader);
  EXPECT_EQ(reader->sink.bytes, text_event("x"));
  flush();
  EXPECT_EQ(reader->sink.bytes, text_event("x"));
}

TEST_F(HubTest, ABrokenConnectionIsCutAndHarmsNobody) {
  const auto broken = open_reader({&news_, &sport_});
  const auto other = open_reader({&news_});
  broken->sink.broken = true;
  publish(news_, "x");
  publish(sport_, "x");
  flush();
  EXPECT_EQ(broken->sink.aborted, CloseReason::client);
  EXPECT_EQ(broken->subscriber.state(), Subscriber::State::closed);
  EXPECT_EQ(other->sink.bytes, text_event("x"));
  EXPECT_EQ(hub_.memory().bytes, 0u);
}

TEST_F(HubTest, ASlowReaderDelaysNobody) {
  const auto slow = open_reader({&news_});
  const auto quick = open_reader({&news_});
  slow->sink.room = 1;
  std::string expected;
  for (int i = 0; i < 100; ++i) {
    publish(news_, std::to_string(i));
    flush();
    expected += text_event(std::to_string(i));
    ASSERT_EQ(quick->sink.bytes, expected);
  }
  make_writable(*slow);
  EXPECT_EQ(slow->sink.bytes, expected);
}

TEST_F(HubTest, ASliceEndsWithItsDeadlineAndTheNextOneGoesOn) {
  std::vector<std::unique_ptr<Reader>> readers;
  for (int i = 0; i < 200; ++i) {
    readers.push_back(open_reader({&news_}));
  }
  publish(news_, "x");
  int slices = 0;
  for (bool more = true; more; ++slices) {
    ASSERT_LT(slices, 1000);
    FakeDeadline deadline(3);
    more = hub_.flush(deadline, now_ms_);
  }
  EXPECT_GT(slices, 1);
  for (const auto& reader : readers) {
    EXPECT_EQ(reader->sink.bytes, text_event("x"));
  }
}

TEST_F(HubTest, AHugeChannelDoesNotDelayASmallOne) {
  std::vector<std::unique_ptr<Reader>> readers;
  for (int i = 0; i < 1000; ++i) {
    readers.push_back(open_reader({&news_}));
  }
  const auto small = open_reader({&sport_});
  publish(news_, "x");
  publish(sport_, "x");
  FakeDeadline deadline(100);
  EXPECT_TRUE(hub_.flush(deadline, now_ms_));
  EXPECT_EQ(small->sink.bytes, text_event("x"));
}

TEST_F(HubTest, WhoTakesSmallBatchesGetsAllAtOnce) {
  const auto reader = open_reader({&news_, &sport_});
  reader->sink.room = 0;
  reader->sink.limit_bytes = 9;
  std::string expected;
  for (int i = 0; i < 100; ++i) {
    publish(i % 2 == 0 ? news_ : sport_, "x");
    expected += text_event("x");
  }
  flush();
  make_writable(*reader);
  EXPECT_EQ(reader->sink.bytes, expected);
}

// Readers that are too slow for the bound

TEST_F(HubTest, WhoFallsOutOfTheBufferIsCut) {
  const auto slow = open_reader({&news_, &sport_}, options(SlowPolicy::close));
  const auto quick = open_reader({&news_}, options(SlowPolicy::close));
  slow->sink.room = 10;
  for (int i = 0; i < 10; ++i) {
    publish(news_, std::string(1000, 'x'));
    flush();
  }
  EXPECT_EQ(slow->sink.aborted, CloseReason::slow);
  EXPECT_EQ(slow->sink.bytes.size(), 10u);
  EXPECT_FALSE(quick->sink.aborted);
  EXPECT_EQ(quick->sink.bytes.size(), 10 * text_event(std::string(1000, 'x')).size());
  EXPECT_EQ(hub_.counters().slow_closed, 1u);
  EXPECT_EQ(hub_.memory().bytes, 0u);
}

TEST_F(HubTest, ManyMayFallOutAtOnce) {
  std::vector<std::unique_ptr<Reader>> readers;
  for (int i = 0; i < 50; ++i) {
    readers.push_back(open_reader({&news_, &sport_}, options(i % 2 == 0 ? SlowPolicy::close : SlowPolicy::skip)));
    readers.back()->sink.room = static_cast<std::size_t>(i % 5);
  }
  publish(news_, "x");
  publish(sport_, "x");
  flush();
  overflow(sport_);
  overflow(news_);
  EXPECT_EQ(hub_.counters().slow_closed, 25u);
  EXPECT_EQ(hub_.counters().slow_skipped, 50u);
  for (const auto& reader : readers) {
    EXPECT_EQ(reader->sink.aborted.has_value(), reader->options.subscriber.slow == SlowPolicy::close);
  }
}

TEST_F(HubTest, ABurstDoesNotPushOutWhoKeepsUp) {
  const auto close = open_reader({&news_}, options(SlowPolicy::close));
  const auto skip = open_reader({&news_}, options(SlowPolicy::skip));
  std::string expected;
  for (int i = 0; i < 100; ++i) {
    publish(news_, std::string(10000, 'x'));
    expected += text_event(std::string(10000, 'x'));
  }
  flush();
  EXPECT_EQ(close->sink.bytes, expected);
  EXPECT_EQ(skip->sink.bytes, expected);
  EXPECT_EQ(hub_.memory().bytes, 0u);
}

TEST_F(HubTest, ABurstIsBoundedOnceItWasOffered) {
  const auto slow = open_reader({&news_}, options(SlowPolicy::close));
  const auto quick = open_reader({&news_}, options(SlowPolicy::close));
  slow->sink.room = 10;
  for (int i = 0; i < 100; ++i) {
    publish(news_, std::string(1000, 'x'));
  }
  EXPECT_FALSE(slow->sink.aborted);
  flush();
  EXPECT_EQ(slow->sink.aborted, CloseReason::slow);
  EXPECT_FALSE(quick->sink.aborted);
}

TEST_F(HubTest, WhoKeptUpButWasNotServedInTimeEndsCleanly) {
  const auto reader = open_reader({&news_}, options(SlowPolicy::close));
  flood(news_);
  flush();
  EXPECT_EQ(reader->sink.ended, CloseReason::slow);
  EXPECT_EQ(reader->sink.bytes, "");
  EXPECT_EQ(hub_.counters().slow_closed, 1u);
}

TEST_F(HubTest, WhoSkipsWithoutBeingServedInTimeGetsWhatComesNext) {
  const auto reader = open_reader({&news_, &sport_}, options(SlowPolicy::skip));
  flood(news_);
  publish(sport_, "sport");
  flush();
  EXPECT_EQ(reader->sink.take(), slow_reset("news") + text_event("sport"));
  for (int i = 0; i < 3; ++i) {
    publish(news_, "next");
    flush();
    EXPECT_EQ(reader->sink.take(), text_event("next"));
  }
}

TEST_F(HubTest, WhoSkipsAfterAFrameOfManyBatchesGetsWhatComesNext) {
  for (const std::size_t limit : {7u, 10u, 50u}) {
    for (const std::size_t size : {350u, 384u, 500u, 694u}) {
      const auto reader = open_reader({&news_}, options(SlowPolicy::skip));
      reader->sink.limit_bytes = limit;
      reader->sink.room = 10;
      publish(news_, std::string(size, 'L'));
      flush();
      overflow(news_);
      make_writable(*reader);
      flush();
      EXPECT_EQ(reader->sink.take(), text_event(std::string(size, 'L')) + slow_reset("news")) << limit << " " << size;
      publish(news_, "next");
      flush();
      EXPECT_EQ(reader->sink.take(), text_event("next")) << limit << " " << size;
    }
  }
}

TEST_F(HubTest, AFarewellIsTheLastAlsoForWhoSkips) {
  const auto reader = open_reader({&news_}, options(SlowPolicy::skip));
  reader->sink.room = 10;
  publish(news_, "first");
  flush();
  finish(*reader);
  overflow(news_);
  make_writable(*reader);
  EXPECT_EQ(reader->sink.bytes, text_event("first") + std::string(kFarewell));
  EXPECT_EQ(reader->sink.ended, CloseReason::drain);
}

// A full connection whose cursor the log has left behind: nothing may look it up there.
TEST_F(HubTest, AnEndMayMeetAFullConnectionWhileTheWorkerIsBehind) {
  for (const SlowPolicy slow : {SlowPolicy::close, SlowPolicy::skip}) {
    const auto reader = open_reader({&news_, &sport_}, options(slow));
    flood(news_);
    reader->sink.room = 3;
    finish(*reader);
    flush();
    make_writable(*reader);
    flush();
    EXPECT_TRUE(reader->sink.ended);
    EXPECT_EQ(reader->sink.bytes.substr(reader->sink.bytes.size() - kFarewell.size()), kFarewell);
  }
}

TEST_F(HubTest, AKeepaliveMayMeetAFullConnectionWhileTheWorkerIsBehind) {
  for (const SlowPolicy slow : {SlowPolicy::close, SlowPolicy::skip}) {
    ReaderOptions impatient = options(slow);
    impatient.subscriber.keepalive_ms = 100;
    const auto reader = open_reader({&news_, &sport_}, impatient);
    now_ms_ += 100;
    flood(news_);
    reader->sink.room = 3;
    flush();
    overflow(sport_);
    make_writable(*reader);
    flush();
    EXPECT_EQ(reader->sink.ended.has_value() || reader->sink.aborted.has_value(), slow == SlowPolicy::close);
    EXPECT_EQ(reader->sink.bytes.substr(0, 3), kKeepaliveFrame.substr(0, 3));
  }
}

TEST_F(HubTest, ALogKeepsNothingOnceItsLastSlowReaderCaughtUp) {
  const auto slow = open_reader({&news_, &sport_});
  const auto quick = open_reader({&news_});
  slow->sink.room = 0;
  publish(news_, std::string(5000, 'x'));
  publish(news_, "y");
  publish(sport_, "z");
  flush();
  EXPECT_GT(hub_.memory().bytes, 5000u);
  make_writable(*slow);
  flush();
  EXPECT_EQ(slow->log().bytes(), 0u);
  EXPECT_EQ(hub_.memory().bytes, 0u);
}

TEST_F(HubTest, ALogKeepsNoMoreThanItsLastSlowReaderHasYetToTake) {
  const auto slow = open_reader({&news_});
  slow->sink.room = 0;
  for (int i = 0; i < 10; ++i) {
    publish(news_, std::string(1000, 'x'));
  }
  flush();
  EXPECT_GT(slow->log().bytes(), 10000u);
  make_writable(*slow, 8000);
  EXPECT_LT(slow->log().bytes(), 6000u);
}

TEST_F(HubTest, ALogKeepsNothingOnceItsLastSlowReaderFellOut) {
  for (const SlowPolicy slow : {SlowPolicy::close, SlowPolicy::skip}) {
    const auto full = open_reader({&news_}, options(slow));
    const auto quick = open_reader({&news_}, options(slow));
    full->sink.room = 0;
    for (int i = 0; i < 5; ++i) {
      publish(news_, std::string(1000, 'x'));
    }
    flush();
    EXPECT_EQ(quick->log().bytes(), 0u);
  }
}

TEST_F(HubTest, ALogKeepsNothingOnceItsLastSlowReaderLeft) {
  auto slow = open_reader({&news_});
  const auto quick = open_reader({&news_});
  slow->sink.room = 0;
  publish(news_, std::string(5000, 'x'));
  flush();
  EXPECT_GT(hub_.memory().bytes, 5000u);
  slow.reset();
  flush();
  EXPECT_EQ(quick->log().bytes(), 0u);
}

// Ends

TEST_F(HubTest, AnEndComesWithItsFarewell) {
  const auto plain = open_reader({&news_});
  ReaderOptions options;
  options.framing = Framing::chunked;
  const auto chunked = open_reader({&news_}, options);
  finish(*plain);
  finish(*chunked);
  EXPECT_EQ(plain->sink.bytes, kFarewell);
  EXPECT_EQ(chunked->sink.bytes, chunk(kFarewell));
  EXPECT_EQ(plain->sink.ended, CloseReason::drain);
  EXPECT_EQ(chunked->sink.ended, CloseReason::drain);
}

TEST_F(HubTest, WhatWasPublishedBeforeTheEndComesBeforeTheFarewell) {
  const auto reader = open_reader({&news_});
  publish(news_, "first");
  publish(news_, "second");
  finish(*reader);  // no flush in between
  EXPECT_EQ(reader->sink.bytes, text_event("first") + text_event("second") + std::string(kFarewell));
  EXPECT_EQ(reader->sink.ended, CloseReason::drain);
}

TEST_F(HubTest, AnEndMayFindThatTheClientHasGone) {
  const auto reader = open_reader({&news_});
  publish(news_, "x");
  reader->sink.broken = true;
  finish(*reader);
  EXPECT_EQ(reader->sink.aborted, CloseReason::client);
  EXPECT_FALSE(reader->sink.ended);
}

TEST_F(HubTest, AnEndMayFillTheSocketAndComesWhenThereIsRoom) {
  const auto reader = open_reader({&news_});
  publish(news_, "first");
  reader->sink.room = 3;
  finish(*reader);
  EXPECT_FALSE(reader->sink.ended);
  make_writable(*reader);
  EXPECT_EQ(reader->sink.bytes, text_event("first") + std::string(kFarewell));
  EXPECT_EQ(reader->sink.ended, CloseReason::drain);
}

TEST_F(HubTest, AnEndMayBeWithoutAFarewell) {
  const auto reader = open_reader({&news_});
  finish(*reader, "");
  EXPECT_EQ(reader->sink.bytes, "");
  EXPECT_EQ(reader->sink.ended, CloseReason::drain);
}

TEST_F(HubTest, AFullConnectionEndsOnceTheFarewellIsOut) {
  const auto reader = open_reader({&news_});
  reader->sink.room = 8;
  publish(news_, "x");
  flush();
  finish(*reader);
  publish(news_, "too late");
  flush();
  make_writable(*reader, 5);
  EXPECT_FALSE(reader->sink.ended);
  make_writable(*reader);
  EXPECT_EQ(reader->sink.bytes, text_event("x") + std::string(kFarewell));
  EXPECT_EQ(reader->sink.ended, CloseReason::drain);
}

TEST_F(HubTest, WhoEndsHoldsItsChannelsNoLongerThanItsFrame) {
  const auto ending = open_reader({&news_});
  const auto quick = open_reader({&news_});
  ending->sink.room = 8;
  publish(news_, "x");
  flush();
  finish(*ending);
  make_writable(*ending, text_event("x").size() - 8);
  EXPECT_FALSE(ending->sink.ended);
  publish(news_, std::string(5000, 'x'));
  flush();
  EXPECT_EQ(quick->log().bytes(), 0u);
}

TEST_F(HubTest, WhoEndsIsNotCutForWhatItWillNotGetAnyway) {
  const auto reader = open_reader({&news_, &sport_}, options(SlowPolicy::close));
  reader->sink.room = 8;
  publish(news_, "x");
  flush();
  finish(*reader);
  overflow(sport_);
  make_writable(*reader);
  EXPECT_EQ(reader->sink.bytes, text_event("x") + std::string(kFarewell));
  EXPECT_EQ(reader->sink.ended, CloseReason::drain);
}

TEST_F(HubTest, WhoEndsIsCutWhenItsFrameFallsOutOfTheBuffer) {
  const auto reader = open_reader({&news_}, options(SlowPolicy::close));
  reader->sink.room = 8;
  publish(news_, "x");
  flush();
  finish(*reader);
  overflow(news_);
  EXPECT_EQ(reader->sink.aborted, CloseReason::slow);
}

TEST_F(HubTest, WhatAConnectionStillHoldsDelaysTheEnd) {
  const auto reader = open_reader({&news_});
  reader->sink.holds_all = true;
  finish(*reader);
  EXPECT_EQ(reader->sink.bytes, kFarewell);
  EXPECT_FALSE(reader->sink.ended);
  make_writable(*reader);
  EXPECT_EQ(reader->sink.ended, CloseReason::drain);
}

TEST_F(HubTest, OnlyTheFirstEndCounts) {
  const auto reader = open_reader({&news_});
  reader->sink.room = 0;
  hub_.finish(reader->subscriber, CloseReason::lifetime, kFarewell, now_ms_);
  finish(*reader, "retry: 1\n\n");
  make_writable(*reader);
  finish(*reader);
  EXPECT_EQ(reader->sink.bytes, kFarewell);
  EXPECT_EQ(reader->sink.ended, CloseReason::lifetime);
}

TEST_F(HubTest, WhoIsNotOpenYetOpensAndEndsWithoutAFarewell) {
  const auto waiting = waiting_reader({&news_});
  finish(*waiting);
  EXPECT_FALSE(waiting->sink.ended);
  EXPECT_TRUE(news_.waiting().empty());
  const auto opening = waiting_reader({&news_});
  hub_.admit(opening->subscriber);
  finish(*opening);
  flush();
  for (const Reader* reader : {waiting.get(), opening.get()}) {
    EXPECT_EQ(reader->sink.confirmations, 1);
    EXPECT_EQ(reader->sink.bytes, "");
    EXPECT_EQ(reader->sink.ended, CloseReason::drain);
  }
}

TEST_F(HubTest, WhoIsForgottenGetsNothingMore) {
  const auto waiting = waiting_reader({&news_});
  const auto opening = waiting_reader({&news_});
  hub_.admit(opening->subscriber);
  const auto open = open_reader({&news_}, with_keepalive(100));
  const auto full = open_reader({&news_}, with_timeout(100));
  full->sink.room = 3;
  publish(news_, "x");
  flush();
  opening->sink.take();
  for (Reader* reader : {waiting.get(), opening.get(), open.get(), full.get()}) {
    reader->leave();
    reader->sink.take();
  }
  now_ms_ += 1000;
  publish(news_, "x");
  flush();
  hub_.check_timeouts(now_ms_);
  make_writable(*full);
  for (const Reader* reader : {waiting.get(), opening.get(), open.get(), full.get()}) {
    EXPECT_EQ(reader->sink.bytes, "");
    EXPECT_FALSE(reader->sink.ended || reader->sink.aborted);
  }
  EXPECT_EQ(hub_.memory().bytes, 0u);
  EXPECT_EQ(hub_.next_keepalive_ms(), UINT64_MAX);
}

// Keepalives

TEST_F(HubTest, AKeepaliveIsSentAfterSilence) {
  const auto reader = open_reader({&news_}, with_keepalive(100));
  EXPECT_EQ(hub_.next_keepalive_ms(), now_ms_ + 100);
  now_ms_ += 99;
  flush();
  EXPECT_EQ(reader->sink.bytes, "");
  now_ms_ += 1;
  flush();
  EXPECT_EQ(reader->sink.bytes, kKeepaliveFrame);
  EXPECT_EQ(hub_.next_keepalive_ms(), now_ms_ + 100);
}

TEST_F(HubTest, AMessageIsAsGoodAsAKeepalive) {
  const auto reader = open_reader({&news_}, with_keepalive(100));
  now_ms_ += 60;
  publish(news_, "x");
  flush();
  now_ms_ += 60;
  flush();
  EXPECT_EQ(reader->sink.bytes, text_event("x"));
  EXPECT_EQ(hub_.next_keepalive_ms(), now_ms_ + 40);
}

TEST_F(HubTest, AFullConnectionGetsNoKeepalive) {
  const auto reader = open_reader({&news_}, with_keepalive(100));
  reader->sink.room = 3;
  publish(news_, "x");
  flush();
  now_ms_ += 1000;
  flush();
  make_writable(*reader);
  EXPECT_EQ(reader->sink.bytes, text_event("x"));
  now_ms_ += 100;
  flush();
  EXPECT_EQ(reader->sink.bytes, text_event("x") + std::string(kKeepaliveFrame));
}

TEST_F(HubTest, AKeepaliveIsFramedAndMayBeCutInTwo) {
  ReaderOptions options = with_keepalive(100);
  options.framing = Framing::chunked;
  const auto reader = open_reader({&news_}, options);
  reader->sink.room = 4;
  now_ms_ += 100;
  flush();
  publish(news_, "x");
  make_writable(*reader);
  EXPECT_EQ(reader->sink.bytes, chunk(kKeepaliveFrame) + chunk(text_event("x")));
}

TEST_F(HubTest, ThousandsOfKeepalivesAreSentInSlices) {
  std::vector<std::unique_ptr<Reader>> readers;
  for (int i = 0; i < 200; ++i) {
    readers.push_back(open_reader({&news_}, with_keepalive(100)));
  }
  now_ms_ += 100;
  FakeDeadline deadline(0);
  EXPECT_TRUE(hub_.flush(deadline, now_ms_));
  flush();
  for (const auto& reader : readers) {
    EXPECT_EQ(reader->sink.bytes, kKeepaliveFrame);
  }
}

// Timeouts

TEST_F(HubTest, WhoDoesNotTakeAByteInTimeIsCut) {
  const auto reader = open_reader({&news_}, with_timeout(100));
  reader->sink.room = 3;
  publish(news_, "x");
  flush();
  hub_.check_timeouts(now_ms_ + 99);
  EXPECT_FALSE(reader->sink.aborted);
  hub_.check_timeouts(now_ms_ + 100);
  EXPECT_EQ(reader->sink.aborted, CloseReason::slow);
  EXPECT_EQ(hub_.counters().timed_out, 1u);
  EXPECT_EQ(hub_.memory().bytes, 0u);
}

TEST_F(HubTest, TheClockIsOfTheOldestByteWhateverElseIsTaken) {
  const auto reader = open_reader({&news_}, with_timeout(100));
  reader->sink.room = 3;
  publish(news_, std::string(1000, 'x'));
  flush();
  for (int i = 0; i < 9; ++i) {
    now_ms_ += 10;
    publish(news_, "x");
    make_writable(*reader, 50);
    hub_.check_timeouts(now_ms_);
    EXPECT_FALSE(reader->sink.aborted);
  }
  now_ms_ += 10;
  hub_.check_timeouts(now_ms_);
  EXPECT_EQ(reader->sink.aborted, CloseReason::slow);
}

TEST_F(HubTest, WhoAlwaysCatchesUpInTimeStays) {
  const auto reader = open_reader({&news_}, with_timeout(100));
  for (int i = 0; i < 10; ++i) {
    reader->sink.room = 3;
    publish(news_, "x");
    flush();
    now_ms_ += 60;
    publish(news_, "y");
    make_writable(*reader, text_event("x").size() - 3);
    hub_.check_timeouts(now_ms_);
    now_ms_ += 60;
    hub_.check_timeouts(now_ms_);
    ASSERT_FALSE(reader->sink.aborted);
    make_writable(*reader);
  }
}

TEST_F(HubTest, WhatItIsToldLaterDoesNotMakeUpForWhatItWasToldBefore) {
  const auto reader = open_reader({&news_}, with_timeout(100));
  reader->sink.room = 0;
  hub_.tell(reader->subscriber, text_event("first"), now_ms_);
  flush();
  now_ms_ += 60;
  hub_.tell(reader->subscriber, text_event("second"), now_ms_);
  flush();
  hub_.check_timeouts(now_ms_ + 39);
  EXPECT_FALSE(reader->sink.aborted);
  hub_.check_timeouts(now_ms_ + 40);
  EXPECT_TRUE(reader->sink.aborted);
}

TEST_F(HubTest, WhatAConnectionHoldsCountsToo) {
  const auto reader = open_reader({&news_}, with_timeout(100));
  reader->sink.holds_all = true;
  reader->sink.in_flight_ms = now_ms_;
  publish(news_, "x");
  flush();
  hub_.check_timeouts(now_ms_ + 99);
  EXPECT_FALSE(reader->sink.aborted);
  hub_.check_timeouts(now_ms_ + 100);
  EXPECT_EQ(reader->sink.aborted, CloseReason::slow);
}

TEST_F(HubTest, WhatAConnectionHoldsFromBeforeTheOpeningCountsToo) {
  const auto reader = waiting_reader({&news_}, with_timeout(100));
  reader->sink.in_flight_ms = now_ms_;
  hub_.admit(reader->subscriber);
  flush();
  hub_.check_timeouts(now_ms_ + 99);
  EXPECT_FALSE(reader->sink.aborted);
  hub_.check_timeouts(now_ms_ + 100);
  EXPECT_EQ(reader->sink.aborted, CloseReason::slow);
}

TEST_F(HubTest, FramesFollowWhatAConnectionHoldsFromBeforeTheOpening) {
  const auto reader = waiting_reader({&news_});
  reader->sink.in_flight_ms = now_ms_;
  hub_.admit(reader->subscriber);
  flush();
  publish(news_, "x");
  flush();
  EXPECT_EQ(reader->sink.bytes, "");
  reader->sink.in_flight_ms.reset();
  make_writable(*reader);
  EXPECT_EQ(reader->sink.bytes, text_event("x"));
}

// So that what a transport holds is of one age.
TEST_F(HubTest, WhoCatchesUpGetsOldAndNewBytesApart) {
  const auto reader = open_reader({&news_});
  reader->sink.room = 3;
  publish(news_, "a");
  flush();
  publish(news_, "b");
  flush();
  now_ms_ += 1000;
  publish(news_, "c");
  publish(news_, "d");
  flush();
  reader->sink.sends.clear();
  make_writable(*reader);
  const std::size_t size = text_event("a").size();
  EXPECT_EQ(reader->sink.sends, (std::vector<std::size_t>{size - 3 + size, 2 * size}));
  EXPECT_EQ(reader->sink.bytes, text_event("a") + text_event("b") + text_event("c") + text_event("d"));
}

TEST_F(HubTest, WhoKeepsUpGetsAllInOneCallHoweverLateThisWorkerIs) {
  const auto reader = open_reader({&news_});
  publish(news_, "a");
  now_ms_ += 1000;
  publish(news_, "b");
  flush();
  EXPECT_EQ(reader->sink.sends.size(), 1u);
}

TEST_F(HubTest, AFarewellNobodyTakesIsCutToo) {
  const auto reader = open_reader({&news_}, with_timeout(100));
  reader->sink.room = 0;
  finish(*reader);
  hub_.check_timeouts(now_ms_ + 99);
  EXPECT_FALSE(reader->sink.aborted);
  hub_.check_timeouts(now_ms_ + 100);
  EXPECT_EQ(reader->sink.aborted, CloseReason::slow);
}

TEST_F(HubTest, WhoIsCutHoldsNothingThatWasForItAlone) {
  const auto reader = open_reader({&news_}, with_timeout(100));
  reader->sink.room = 0;
  finish(*reader);
  EXPECT_GT(hub_.memory().bytes, 0u);
  hub_.check_timeouts(now_ms_ + 100);
  EXPECT_TRUE(reader->sink.aborted);
  EXPECT_EQ(hub_.memory().bytes, 0u);
}

TEST_F(HubTest, WhoSkipsForEverIsCutToo) {
  ReaderOptions skipping = options(SlowPolicy::skip);
  skipping.subscriber.send_timeout_ms = 100;
  const auto reader = open_reader({&news_}, skipping);
  reader->sink.room = 0;
  publish(news_, "x");
  flush();
  for (int i = 0; i < 30 && !reader->sink.aborted; ++i) {
    overflow(news_);
    flush();
    now_ms_ += 10;
    hub_.check_timeouts(now_ms_);
  }
  EXPECT_EQ(reader->sink.aborted, CloseReason::slow);
}

TEST_F(HubTest, APinnedFrameKeepsItsAge) {
  ReaderOptions skipping = options(SlowPolicy::skip);
  skipping.subscriber.send_timeout_ms = 100;
  const auto reader = open_reader({&news_}, skipping);
  reader->sink.room = 3;
  publish(news_, "x");
  flush();
  now_ms_ += 50;
  overflow(news_);
  hub_.check_timeouts(now_ms_ + 49);
  EXPECT_FALSE(reader->sink.aborted);
  hub_.check_timeouts(now_ms_ + 50);
  EXPECT_EQ(reader->sink.aborted, CloseReason::slow);
}

TEST_F(HubTest, WithoutATimeoutAFullConnectionStays) {
  const auto reader = open_reader({&news_});
  reader->sink.room = 3;
  publish(news_, "x");
  flush();
  hub_.check_timeouts(now_ms_ + 1000000000);
  EXPECT_FALSE(reader->sink.aborted);
}

TEST_F(HubTest, WhoHasEverythingDoesNotTimeOut) {
  const auto reader = open_reader({&news_}, with_timeout(100));
  publish(news_, "x");
  flush();
  hub_.check_timeouts(now_ms_ + 1000000);
  EXPECT_FALSE(reader->sink.aborted);
}

TEST_F(HubTest, ManyMayTimeOutAtOnce) {
  std::vector<std::unique_ptr<Reader>> readers;
  for (int i = 0; i < 10; ++i) {
    readers.push_back(open_reader({&news_}, with_timeout(i % 2 == 0 ? 100 : 200)));
    readers.back()->sink.room = 3;
  }
  publish(news_, "x");
  flush();
  hub_.check_timeouts(now_ms_ + 100);
  EXPECT_EQ(hub_.counters().timed_out, 5u);
}

}  // namespace
}  // namespace sse
