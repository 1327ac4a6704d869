#include "pubsub_source.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker_connection.hpp"
#include "delivery_fixture.hpp"

namespace sse {
namespace {

using test::BrokerConnection;
using test::Command;
using test::FakeDeadline;
using test::FakeSink;
using test::text_event;

constexpr std::uint64_t kLingerMs = 5000;
constexpr std::uint64_t kRetryMs = 5000;

std::string reset(std::string_view channel) { return reset_block("reset", "broker-away", channel); }

class PubsubSourceTest : public ::testing::Test {
 protected:
  using Name = std::pair<TopicKind, std::string>;

  struct Reader {
    Reader(PubsubSourceTest& its_test, const std::vector<Name>& names, const ReadOptions& its_reading)
        : test(its_test), reading(its_reading), subscriber(sink, options, reading, names.size()) {
      sink.when_confirmed = [this] { test.hub_.open(subscriber, Framing::plain, test.now_ms_); };
      for (std::size_t i = 0; i < names.size(); ++i) {
        test.source().add(subscriber, i, names[i].first, names[i].second, test.now_ms_);
      }
      test.source().subscribe(subscriber);
    }
    ~Reader() {
      test.hub_.forget(subscriber);
      test.source().leave(subscriber, test.now_ms_);
    }
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

    bool is_open() {
      test.flush();
      return subscriber.state() == Subscriber::State::open;
    }
    std::string take() {
      test.flush();
      return sink.take();
    }

    PubsubSourceTest& test;
    SubscriberOptions options;
    ReadOptions reading;
    FakeSink sink;
    Subscriber subscriber;
  };

  static Name channel(std::string name) { return {TopicKind::channel, std::move(name)}; }
  static Name pattern(std::string name) { return {TopicKind::pattern, std::move(name)}; }

  std::unique_ptr<Reader> reader(const std::vector<Name>& names, const ReadOptions& reading = {}) {
    return std::make_unique<Reader>(*this, names, reading);
  }

  PubsubSource& source() { return broker_.source; }

  void connect() {
    broker_.connect(now_ms_);
    broker_.exchange(now_ms_);
    broker_.subscriptions->commands.clear();
  }

  void exchange() { broker_.exchange(now_ms_); }
  void flush() {
    FakeDeadline never(1 << 30);
    hub_.flush(never, now_ms_);
  }

  void publish(std::string_view name, std::string_view payload) {
    broker_.redis.publish(name, payload);
    exchange();
  }

  // What was asked on the subscription connection since the last call, but for PING.
  std::vector<Command> asked() {
    std::vector<Command> commands = std::exchange(broker_.subscriptions->commands, {});
    commands.erase(std::remove(commands.begin(), commands.end(), Command{"PING"}), commands.end());
    return commands;
  }

  // Time goes by with a tick every half second.
  bool pass(std::uint64_t ms) {
    for (const std::uint64_t until = now_ms_ + ms; now_ms_ < until;) {
      now_ms_ += std::min<std::uint64_t>(500, until - now_ms_);
      if (!source().tick(now_ms_)) {
        return false;
      }
      exchange();
    }
    return true;
  }

  std::uint64_t now_ms_ = 100000;
  test::FakeScheduler scheduler_;
  Hub hub_{scheduler_};
  BrokerConnection broker_{hub_};
};

TEST_F(PubsubSourceTest, OpenMeansSubscribed) {
  connect();
  const auto news = reader({channel("news")});
  EXPECT_FALSE(news->is_open());
  broker_.to_server();
  EXPECT_FALSE(news->is_open());
  broker_.to_sessions(now_ms_);
  EXPECT_TRUE(news->is_open());
  publish("news", "hello");
  EXPECT_EQ(news->take(), text_event("hello"));
}

TEST_F(PubsubSourceTest, AChannelThatIsReadAlreadyOpensAtOnce) {
  connect();
  const auto first = reader({channel("news")});
  exchange();
  EXPECT_EQ(asked(), (std::vector<Command>{{"SUBSCRIBE", "news"}}));
  const auto second = reader({channel("news")});
  EXPECT_TRUE(second->is_open());
  EXPECT_TRUE(source().subscription_session().output().empty());
}

TEST_F(PubsubSourceTest, AReaderOpensWhenTheLastOfItsChannelsIsConfirmed) {
  connect();
  const auto both = reader({channel("news"), channel("sport")});
  const auto one = reader({channel("news")});
  broker_.to_server();
  const std::string first = test::array({test::bulk("subscribe"), test::bulk("news"), test::integer(2)});
  ASSERT_EQ(broker_.subscriptions->output.substr(0, first.size()), first);
  broker_.to_sessions(now_ms_, first.size());
  EXPECT_TRUE(one->is_open());
  EXPECT_FALSE(both->is_open());
  publish("news", "x");
  EXPECT_TRUE(both->is_open());
  EXPECT_EQ(both->sink.confirmations, 1);
}

TEST_F(PubsubSourceTest, EachChannelIsACommandOfItsOwn) {
  connect();
  const auto many = reader({channel("news"), pattern("news.*"), channel("*")});
  exchange();
  EXPECT_EQ(asked(), (std::vector<Command>{{"SUBSCRIBE", "news"}, {"PSUBSCRIBE", "news.*"}, {"SUBSCRIBE", "*"}}));
  EXPECT_EQ(source().topic_count(), 3u);
  EXPECT_TRUE(many->is_open());
}

TEST_F(PubsubSourceTest, AChannelAndAPatternThatMatchesItDeliverOnceEach) {
  connect();
  ReadOptions reading;
  reading.encoding.default_event.kind = DefaultEvent::Kind::channel;
  const auto both = reader({channel("news.de"), pattern("news.*")}, reading);
  exchange();
  EXPECT_TRUE(both->is_open());
  publish("news.de", "x");
  publish("news.fr", "y");
  publish("sport", "z");
  EXPECT_EQ(both->take(), "event: news.de\ndata: x\n\nevent: news.de\ndata: x\n\nevent: news.fr\ndata: y\n\n");
}

TEST_F(PubsubSourceTest, AnswersMayArriveByteByByte) {
  broker_.connect(now_ms_);
  const auto both = reader({channel("news"), pattern("n*")});
  for (int i = 0; i < 2000; ++i) {
    broker_.to_server(1);
    broker_.to_sessions(now_ms_, 1);
  }
  EXPECT_TRUE(both->is_open());
  broker_.redis.publish("news", "x");
  for (int i = 0; i < 200; ++i) {
    broker_.to_sessions(now_ms_, 1);
  }
  EXPECT_EQ(both->take(), text_event("x") + text_event("x"));
}

// Refusals

TEST_F(PubsubSourceTest, ARefusedChannelHoldsItsReadersAndNobodyElse) {
  connect();
  broker_.redis.forbidden = {"secret"};
  const auto allowed = reader({channel("news")});
  const auto refused = reader({channel("secret")});
  const auto both = reader({channel("news"), channel("secret")});
  exchange();
  EXPECT_TRUE(allowed->is_open());
  EXPECT_FALSE(refused->is_open());
  EXPECT_FALSE(both->is_open());
  ASSERT_EQ(broker_.logger.count(LogLevel::error), 1u);
  EXPECT_EQ(broker_.logger.lines.back().second, "channel \"secret\" refused: NOPERM No permissions to access a channel (SUBSCRIBE)");

  broker_.redis.forbidden.clear();
  EXPECT_TRUE(pass(kRetryMs));
  EXPECT_TRUE(refused->is_open());
  EXPECT_TRUE(both->is_open());
}

TEST_F(PubsubSourceTest, ARefusedChannelIsAskedForAgainInTimeOnlyAndComplainedOfOnceAMinute) {
  connect();
  broker_.redis.forbidden = {"secret"};
  const auto first = reader({channel("secret")});
  exchange();
  EXPECT_EQ(asked().size(), 1u);
  const auto second = reader({channel("secret")});
  EXPECT_TRUE(pass(kRetryMs - 500));
  EXPECT_TRUE(asked().empty());
  EXPECT_TRUE(pass(500));
  EXPECT_EQ(asked(), (std::vector<Command>{{"SUBSCRIBE", "secret"}}));
  EXPECT_TRUE(pass(50000));
  EXPECT_EQ(broker_.logger.count(LogLevel::error), 1u);
  EXPECT_TRUE(pass(10000));
  EXPECT_EQ(broker_.logger.count(LogLevel::error), 2u);
}

TEST_F(PubsubSourceTest, ARefusedChannelThatNobodyWantsAnyMoreIsForgotten) {
  connect();
  broker_.redis.forbidden = {"secret", "*"};
  auto refused = reader({channel("secret"), pattern("*")});
  exchange();
  EXPECT_EQ(source().topic_count(), 2u);
  refused.reset();
  EXPECT_EQ(source().topic_count(), 0u);
  asked();
  EXPECT_TRUE(pass(2 * kRetryMs));
  EXPECT_TRUE(asked().empty());
}

TEST_F(PubsubSourceTest, AChannelThatIsRefusedAfterItsReaderLeftIsForgotten) {
  connect();
  broker_.redis.forbidden = {"secret"};
  reader({channel("secret")}).reset();
  EXPECT_EQ(source().topic_count(), 1u);
  exchange();
  EXPECT_EQ(source().topic_count(), 0u);
  EXPECT_EQ(broker_.logger.count(LogLevel::error), 0u);
  EXPECT_TRUE(pass(2 * kRetryMs));
}

// Unsubscribing

TEST_F(PubsubSourceTest, TheSubscriptionLingersAfterItsLastReader) {
  connect();
  auto news = reader({channel("news"), pattern("n*")});
  exchange();
  asked();
  news.reset();
  EXPECT_TRUE(pass(kLingerMs - 500));
  EXPECT_TRUE(asked().empty());
  EXPECT_TRUE(pass(500));
  EXPECT_EQ(asked(), (std::vector<Command>{{"UNSUBSCRIBE", "news"}, {"PUNSUBSCRIBE", "n*"}}));
  EXPECT_EQ(source().topic_count(), 0u);
  EXPECT_EQ(broker_.subscriptions->channels, (std::set<std::string>{BrokerConnection::kProbeChannel}));
}

TEST_F(PubsubSourceTest, AReloadedPageCostsNoCommand) {
  connect();
  auto news = reader({channel("news")});
  exchange();
  asked();
  for (int i = 0; i < 5; ++i) {
    news.reset();
    EXPECT_TRUE(pass(kLingerMs - 500));
    news = reader({channel("news")});
    EXPECT_TRUE(news->is_open());
  }
  EXPECT_TRUE(pass(2 * kLingerMs));
  EXPECT_TRUE(asked().empty());
}

TEST_F(PubsubSourceTest, WhatArrivesWhileASubscriptionLingersIsForNobody) {
  connect();
  reader({channel("news")}).reset();
  exchange();
  publish("news", "x");
  const auto late = reader({channel("news")});
  EXPECT_EQ(late->take(), "");
  EXPECT_TRUE(late->is_open());
}

// Limits

TEST_F(PubsubSourceTest, ReadersOfAChannelAreLimitedWhetherOpenOrWaiting) {
  connect();
  const auto open = reader({channel("news")});
  exchange();
  const auto waiting = reader({channel("sport")});
  const std::vector<ChannelName> news = {{TopicKind::channel, "news"}};
  const std::vector<ChannelName> both = {{TopicKind::channel, "other"}, {TopicKind::channel, "sport"}};
  EXPECT_FALSE(source().limit_reached(news, 0, now_ms_));
  EXPECT_FALSE(source().limit_reached(news, 2, now_ms_));
  EXPECT_FALSE(source().limit_reached({{TopicKind::pattern, "news"}}, 1, now_ms_)) << "a pattern is something else";
  const auto reached = source().limit_reached(news, 1, now_ms_);
  ASSERT_TRUE(reached);
  EXPECT_EQ(reached->limit, PubsubSource::Limit::subscribers);
  EXPECT_EQ(reached->channel, "news");
  ASSERT_TRUE(source().limit_reached(both, 1, now_ms_));
  EXPECT_EQ(source().limit_reached(both, 1, now_ms_)->channel, "sport");
}

TEST_F(PubsubSourceTest, ChannelsAreLimitedAndOnlyNewOnesCount) {
  connect();
  hub_.topic_budget().set_limit(3);
  const auto two = reader({channel("a"), pattern("b")});
  EXPECT_FALSE(source().limit_reached({{TopicKind::channel, "a"}, {TopicKind::pattern, "b"}}, 0, now_ms_));
  EXPECT_FALSE(source().limit_reached({{TopicKind::channel, "a"}, {TopicKind::channel, "c"}}, 0, now_ms_));
  const std::vector<ChannelName> two_more = {{TopicKind::channel, "c"}, {TopicKind::channel, "d"}};
  const auto reached = source().limit_reached(two_more, 0, now_ms_);
  ASSERT_TRUE(reached);
  EXPECT_EQ(reached->limit, PubsubSource::Limit::worker_channels);
  EXPECT_EQ(reached->channel, "d");
}

TEST_F(PubsubSourceTest, WhatNobodyReadsMakesRoomForNewChannels) {
  connect();
  hub_.topic_budget().set_limit(100);
  const auto stays = reader({channel("stays")});
  for (int i = 0; i < 1000; ++i) {
    const std::string name = "c" + std::to_string(i);
    ASSERT_FALSE(source().limit_reached({{TopicKind::channel, name}}, 0, now_ms_)) << name;
    reader({channel(name)}).reset();  // it lingers
    exchange();
    EXPECT_LE(source().topic_count(), 100u);
    EXPECT_LE(broker_.subscriptions->channels.size(), 101u);  // and the probe
  }
  EXPECT_EQ(broker_.subscriptions->channels.count("stays"), 1u);
  EXPECT_EQ(broker_.subscriptions->channels.count("c999"), 1u);
}

TEST_F(PubsubSourceTest, WithABrokerThatDoesNotAnswerChannelsAreLimitedAllTheSame) {
  connect();
  hub_.topic_budget().set_limit(100);
  int refused = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::string name = "c" + std::to_string(i);
    if (source().limit_reached({{TopicKind::channel, name}}, 0, now_ms_)) {
      ++refused;
    } else {
      reader({channel(name)}).reset();
    }
  }
  EXPECT_EQ(refused, 900);
  EXPECT_EQ(source().topic_count(), 100u);
  exchange();
  exchange();
  EXPECT_FALSE(source().limit_reached({{TopicKind::channel, "new"}}, 0, now_ms_)) << "it has answered";
}

TEST_F(PubsubSourceTest, AForgottenChannelGivesItsPlaceBack) {
  connect();
  hub_.topic_budget().set_limit(1);
  reader({channel("a")}).reset();
  exchange();
  EXPECT_TRUE(pass(kLingerMs));
  EXPECT_EQ(hub_.topic_budget().used(), 0u);
}

// SUBSCRIBE, UNSUBSCRIBE, SUBSCRIBE on their way at once.
TEST_F(PubsubSourceTest, OnlyTheAnswerToTheLastCommandConfirms) {
  connect();
  auto first = reader({channel("news")});
  first.reset();
  now_ms_ += kLingerMs;
  EXPECT_TRUE(source().tick(now_ms_));
  const auto second = reader({channel("news")});
  broker_.to_server();
  ASSERT_EQ(asked(), (std::vector<Command>{{"SUBSCRIBE", "news"}, {"UNSUBSCRIBE", "news"}, {"SUBSCRIBE", "news"}}));
  const std::string confirmation = test::array({test::bulk("subscribe"), test::bulk("news"), test::integer(2)});
  const std::size_t end = broker_.subscriptions->output.rfind(confirmation) + confirmation.size();
  ASSERT_NE(broker_.subscriptions->output.find(confirmation) + confirmation.size(), end);
  for (std::size_t received = 0; received < end; ++received) {
    EXPECT_FALSE(second->is_open()) << received;
    broker_.to_sessions(now_ms_, 1);
  }
  EXPECT_TRUE(second->is_open());
}

TEST_F(PubsubSourceTest, ARefusalOfAnEarlierCommandIsNotTheLastWord) {
  connect();
  broker_.redis.forbidden = {"news"};
  auto first = reader({channel("news")});
  broker_.to_server();
  broker_.redis.forbidden.clear();
  first.reset();
  now_ms_ += kLingerMs;
  EXPECT_TRUE(source().tick(now_ms_));
  const auto second = reader({channel("news")});
  exchange();
  EXPECT_TRUE(second->is_open());
  EXPECT_EQ(broker_.logger.count(LogLevel::error), 0u);
}

TEST_F(PubsubSourceTest, WhoJoinsWhileTheUnsubscribeIsUnderWayIsSubscribedAnew) {
  connect();
  auto first = reader({channel("news")});
  exchange();
  first.reset();
  now_ms_ += kLingerMs;
  EXPECT_TRUE(source().tick(now_ms_));
  const auto second = reader({channel("news")});
  EXPECT_FALSE(second->is_open());
  exchange();
  EXPECT_TRUE(second->is_open());
  publish("news", "x");
  EXPECT_EQ(second->take(), text_event("x"));
  EXPECT_EQ(broker_.subscriptions->channels.count("news"), 1u);
}

TEST_F(PubsubSourceTest, AReaderMayLeaveBeforeItIsConfirmed) {
  connect();
  auto gone = reader({channel("news"), channel("sport")});
  const auto stays = reader({channel("sport")});
  broker_.to_server();
  gone.reset();
  broker_.to_sessions(now_ms_);
  EXPECT_TRUE(stays->is_open());
  EXPECT_TRUE(pass(2 * kLingerMs));
  EXPECT_EQ(source().topic_count(), 1u);
}

// A lost connection

TEST_F(PubsubSourceTest, StreamsOutliveTheBrokerAndAreToldWithAReset) {
  connect();
  const auto both = reader({channel("news"), pattern("n*")});
  exchange();
  EXPECT_TRUE(both->is_open());
  publish("news", "before");
  EXPECT_EQ(both->take(), text_event("before") + text_event("before"));
  broker_.lose_subscriptions();
  broker_.redis.publish("news", "lost");
  EXPECT_TRUE(both->is_open());
  EXPECT_EQ(both->take(), "");

  broker_.connect(now_ms_);
  broker_.to_server();
  broker_.to_sessions(now_ms_);
  broker_.to_server();
  broker_.redis.publish("news", "after");
  broker_.to_sessions(now_ms_);
  EXPECT_EQ(both->take(), reset("news") + reset("n*") + text_event("after") + text_event("after"));
  EXPECT_EQ(hub_.counters().resets, 2u);
}

TEST_F(PubsubSourceTest, WhoWaitsThroughALossOpensAfterwardsAndNeedsNoReset) {
  const auto early = reader({channel("news")});
  EXPECT_FALSE(early->is_open());
  broker_.connect(now_ms_);
  broker_.to_server();
  broker_.to_sessions(now_ms_);
  broker_.lose_subscriptions();
  broker_.lose_commands();
  EXPECT_FALSE(early->is_open());
  const auto late = reader({channel("news")});
  connect();
  EXPECT_TRUE(early->is_open());
  EXPECT_TRUE(late->is_open());
  publish("news", "x");
  EXPECT_EQ(early->take(), text_event("x"));
  EXPECT_EQ(late->take(), text_event("x"));
}

TEST_F(PubsubSourceTest, ALossBetweenAdmissionAndOpeningIsTold) {
  connect();
  const auto news = reader({channel("news")});
  exchange();
  EXPECT_EQ(news->subscriber.state(), Subscriber::State::opening);
  broker_.lose_subscriptions();
  EXPECT_TRUE(news->is_open());
  connect();
  EXPECT_EQ(news->take(), reset("news"));
}

TEST_F(PubsubSourceTest, AStreamThatOpensUnconfirmedIsToldWhenItsMessagesFlow) {
  const auto news = reader({channel("news")});
  hub_.admit(news->subscriber);
  EXPECT_TRUE(news->is_open());
  connect();
  publish("news", "x");
  EXPECT_EQ(news->take(), reset("news") + text_event("x"));
}

TEST_F(PubsubSourceTest, ALossWhileNobodyReadsLeavesNothingBehind) {
  connect();
  auto lingering = reader({channel("news")});
  auto leaving = reader({channel("sport")});
  exchange();
  lingering.reset();
  broker_.lose_subscriptions();
  EXPECT_EQ(source().topic_count(), 1u);
  leaving.reset();
  EXPECT_EQ(source().topic_count(), 0u);
  connect();
  EXPECT_EQ(broker_.subscriptions->channels, (std::set<std::string>{BrokerConnection::kProbeChannel}));
}

TEST_F(PubsubSourceTest, ALossForgetsWhatWasUnderWay) {
  connect();
  broker_.redis.forbidden = {"secret"};
  auto gone = reader({channel("news")});
  const auto stays = reader({channel("sport"), channel("secret")});
  exchange();
  gone.reset();
  now_ms_ += kLingerMs;
  EXPECT_TRUE(source().tick(now_ms_));
  broker_.lose_subscriptions();
  broker_.redis.forbidden.clear();
  EXPECT_TRUE(source().tick(now_ms_ + 100000)) << "nothing is to be sent while there is no connection";
  connect();
  EXPECT_TRUE(stays->is_open());
  EXPECT_EQ(source().topic_count(), 2u);
}

TEST_F(PubsubSourceTest, AChannelMayBeRefusedAfterALossWhileItsStreamsAreOpen) {
  connect();
  const auto news = reader({channel("news")});
  exchange();
  EXPECT_TRUE(news->is_open());
  broker_.lose_subscriptions();
  broker_.redis.forbidden = {"news"};
  connect();
  EXPECT_EQ(news->take(), "");
  EXPECT_EQ(broker_.logger.count(LogLevel::error), 1u);
  broker_.redis.forbidden.clear();
  EXPECT_TRUE(pass(kRetryMs));
  publish("news", "x");
  EXPECT_EQ(news->take(), reset("news") + text_event("x"));
}

TEST_F(PubsubSourceTest, TheLogSaysWhoAnswers) {
  connect();
  ASSERT_FALSE(broker_.logger.lines.empty());
  EXPECT_EQ(broker_.logger.lines[0].first, LogLevel::notice);
  EXPECT_EQ(broker_.logger.lines[0].second, "connected, version 7.0.15, standalone, master");
}

// Messages

TEST_F(PubsubSourceTest, TooLargeMessagesAreDroppedAndLoggedOnceASecond) {
  connect();
  ReadOptions reading;
  reading.max_message_bytes = 10;
  const auto news = reader({channel("news")}, reading);
  exchange();
  EXPECT_TRUE(news->is_open());
  for (int i = 0; i < 5; ++i) {
    publish("news", std::string(11, 'x'));
  }
  publish("news", "small");
  EXPECT_EQ(news->take(), text_event("small"));
  EXPECT_EQ(broker_.logger.count(LogLevel::warn), 1u);
  EXPECT_EQ(broker_.logger.lines.back().second, "message of 11 bytes on channel \"news\" dropped: over sse_max_message");
  now_ms_ += 1000;
  publish("news", std::string(12, 'x'));
  EXPECT_EQ(broker_.logger.lines.back().second,
            "message of 12 bytes on channel \"news\" dropped: over sse_max_message (4 more since the last such line)");
}

TEST_F(PubsubSourceTest, AMessageThatWasCutIsDroppedLikeOneThatCameWhole) {
  connect();
  const auto news = reader({channel("news"), pattern("n*")});
  exchange();
  EXPECT_TRUE(news->is_open());
  const std::size_t size = BrokerConnection::kReplyLimits.value + 1;
  publish("news", std::string(size, 'x'));
  publish("news", "small");
  EXPECT_EQ(news->take(), text_event("small") + text_event("small"));
  EXPECT_EQ(hub_.counters().messages_too_large, 2u);
  EXPECT_EQ(hub_.counters().messages_received, 4u);
  EXPECT_EQ(broker_.logger.lines.back().second,
            "message of " + std::to_string(size) + " bytes on channel \"news\" dropped: over sse_max_message");
}

TEST_F(PubsubSourceTest, PushesForNobodyAndOfAnOddFormAreIgnored) {
  connect();
  const auto news = reader({channel("news"), pattern("news")});
  exchange();
  const std::string odd = test::message("sport", "x") +
                          test::array({test::bulk("message"), test::bulk("news"), test::bulk("x"), test::bulk("y")}) +
                          test::array({test::bulk("pmessage"), test::bulk("news"), test::bulk("x")}) +
                          test::array({test::bulk("pmessage"), test::bulk("sport"), test::bulk("news"), test::bulk("x")});
  EXPECT_TRUE(source().subscription_session().receive(odd, now_ms_));
  EXPECT_EQ(news->take(), "");
}

TEST_F(PubsubSourceTest, NamesAndPayloadsAreBinarySafe) {
  connect();
  const std::string name("\0 \r\n\"\xFF", 6);
  const auto odd = reader({channel(name)});
  exchange();
  EXPECT_TRUE(odd->is_open());
  publish(name, "a\r\nb");
  EXPECT_EQ(odd->take(), "data: a\ndata: b\n\n");
}

// The probe

TEST_F(PubsubSourceTest, AConnectionThatDeliversNothingIsNoticed) {
  connect();
  EXPECT_TRUE(pass(60000));
  broker_.redis.loses_messages = true;
  EXPECT_FALSE(pass(3 * BrokerConnection::kAnswerTimeoutMs));
  broker_.lose_subscriptions();
  broker_.redis.loses_messages = false;
  connect();
  EXPECT_TRUE(pass(60000));
}

TEST_F(PubsubSourceTest, WithoutPermissionForTheProbePingHasToDo) {
  broker_.redis.forbidden = {BrokerConnection::kProbeChannel};
  connect();
  EXPECT_EQ(broker_.logger.lines.back().second,
            "delivery cannot be probed, PING has to do: NOPERM No permissions to access a channel (SUBSCRIBE)");
  broker_.commands->commands.clear();
  broker_.redis.loses_messages = true;
  EXPECT_TRUE(pass(60000));
  EXPECT_TRUE(broker_.commands->commands.empty());
  EXPECT_EQ(broker_.logger.count(LogLevel::notice), 2u);
}

TEST_F(PubsubSourceTest, WithoutPermissionToPublishPingHasToDo) {
  connect();
  broker_.redis.forbidden = {BrokerConnection::kProbeChannel};
  broker_.redis.loses_messages = true;
  EXPECT_TRUE(pass(60000));
  EXPECT_EQ(broker_.logger.lines.back().second,
            "delivery cannot be probed, PING has to do: NOPERM No permissions to access a channel (PUBLISH)");
  EXPECT_EQ(broker_.logger.count(LogLevel::notice), 2u);
}

TEST_F(PubsubSourceTest, ALostCommandConnectionIsNotHeldAgainstTheSubscriptions) {
  connect();
  EXPECT_TRUE(pass(BrokerConnection::kAnswerTimeoutMs - 500));
  now_ms_ += 500;
  EXPECT_TRUE(source().tick(now_ms_));
  EXPECT_FALSE(source().command_session().output().empty());
  broker_.lose_commands();
  EXPECT_TRUE(pass(60000));
}

TEST_F(PubsubSourceTest, WhileThereIsNoConnectionThereIsNothingToNotice) {
  const auto news = reader({channel("news")});
  EXPECT_TRUE(pass(60000));
}

TEST_F(PubsubSourceTest, NobodysProbeIsAMessageEvenToAPatternThatMatchesIt) {
  connect();
  const auto all = reader({pattern("*"), pattern("sse:*")});
  exchange();
  EXPECT_TRUE(all->is_open());
  EXPECT_TRUE(pass(60000));
  EXPECT_GT(broker_.commands->commands.size(), 10u);
  publish("sse:probe:of another worker", "1");
  EXPECT_EQ(all->take(), "");
}

// Ends the subscription connection as the server does, when so many bytes of a message have come.
void end_amid(BrokerConnection& broker, std::size_t bytes, std::uint64_t now_ms) {
  broker.redis.publish("news", "a message");
  broker.to_sessions(now_ms, bytes);
  broker.source.subscription_session().ended_by_server();
  broker.lose_subscriptions(now_ms);
}

TEST_F(PubsubSourceTest, AConnectionThatWasCutOffInAMessageIsAnOverflow) {
  connect();
  const auto news = reader({channel("news")});
  exchange();
  for (std::uint64_t count = 1; count <= 3; ++count) {
    end_amid(broker_, count, now_ms_);
    connect();
    EXPECT_EQ(hub_.counters().overflows, count);
    EXPECT_EQ(broker_.logger.count(LogLevel::warn), count);
  }
}

TEST_F(PubsubSourceTest, AConnectionThatEndsBetweenMessagesIsNoOverflow) {
  connect();
  const auto news = reader({channel("news")});
  exchange();
  end_amid(broker_, SIZE_MAX, now_ms_);
  connect();
  EXPECT_EQ(hub_.counters().overflows, 0u);
}

TEST_F(PubsubSourceTest, WhoGaveUpTheConnectionItselfSawNoOverflow) {
  connect();
  const auto news = reader({channel("news")});
  exchange();
  broker_.redis.publish("news", "a message");
  broker_.to_sessions(now_ms_, 3);
  broker_.lose_subscriptions(now_ms_);
  connect();
  EXPECT_EQ(hub_.counters().overflows, 0u);
}

TEST_F(PubsubSourceTest, AServerThatEndedItselfSawNoOverflow) {
  connect();
  const auto news = reader({channel("news")});
  exchange();
  end_amid(broker_, 3, now_ms_);
  broker_.redis.next_client_id = 3;  // it counts anew
  connect();
  EXPECT_EQ(hub_.counters().overflows, 0u);
  broker_.redis.next_client_id = 20;
  end_amid(broker_, 3, now_ms_);
  source().subscriptions_lost(now_ms_);  // an attempt to connect has failed: it was away
  connect();
  EXPECT_EQ(hub_.counters().overflows, 0u);
}

}  // namespace
}  // namespace sse
