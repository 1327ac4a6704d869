#include "keyspace_bells.hpp"

#include <gtest/gtest.h>

#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker_connection.hpp"
#include "delivery_fixture.hpp"
#include "lane_world.hpp"

namespace sse {
namespace {

using test::Command;

constexpr std::size_t kSample = 64;

// Real lanes and a real pub/sub source at two fake servers, which the test tells of the same entries.
class KeyspaceBellsTest : public ::testing::Test {
 protected:
  // Reads as StreamTopic does: at once, and listens when it has.
  class Member final : public BellMember {
   public:
    Member(KeyspaceBellsTest& test, std::string key) : test_(test), key_(std::move(key)) {}

    const std::string& key() const override { return key_; }
    StreamId position() const override { return at; }
    std::size_t largest_entry_bytes() const override { return 1; }
    bool lane_read(StreamId, redis::ReplyView, bool, std::uint64_t) override {
      ++by_lane;
      test_.bells().on_lane_told(*this, test_.now_ms());
      read();
      return false;
    }
    void lane_rang(std::uint64_t) override {
      ++rings;
      read();
    }
    void lane_refused(std::string_view, std::uint64_t) override {}

    void read() {
      at = test_.world_.redis.last_id(key_);
      test_.bells().listen(*this, test_.now_ms());
    }

    StreamId at;
    int by_lane = 0;
    int rings = 0;

   private:
    KeyspaceBellsTest& test_;
    std::string key_;
  };

  KeyspaceBellsTest() {
    broker_.source.set_subscription_user(&bells());
    broker_.connect(now_ms());
    exchange();
  }
  ~KeyspaceBellsTest() override {
    for (Member& member : members_) {
      bells().remove(member, now_ms());
    }
  }

  KeyspaceBells& bells() { return bells_; }
  std::uint64_t now_ms() const { return world_.now_ms; }
  static std::string channel(std::string_view key) { return "__keyspace@0__:" + std::string(key); }

  Member& listening(std::string key) {
    Member& member = members_.emplace_back(*this, std::move(key));
    member.read();
    exchange();
    return member;
  }

  void exchange() {
    broker_.exchange(now_ms());
    world_.exchange();
    broker_.exchange(now_ms());
  }
  void pass(std::uint64_t ms) {
    for (const std::uint64_t end_ms = now_ms() + ms; now_ms() < end_ms;) {
      world_.pass(std::min<std::uint64_t>(500, end_ms - now_ms()));
      bells().tick(now_ms());
      exchange();
    }
  }

  void notify(std::string_view key, std::string_view event) {
    broker_.redis.publish(channel(key), event);
    exchange();
  }
  void add(const std::string& key) {
    world_.xadd(key);
    if (notifies_) {
      broker_.redis.publish(channel(key), "xadd");
    }
    exchange();
  }
  // Requires a server that notifies.
  void turn_on(const std::string& key) {
    pass(1000);
    add(key);
    ASSERT_TRUE(bells().is_on());
    pass(1000);
  }

  std::vector<Command> asked() { return std::exchange(broker_.subscriptions->commands, {}); }
  std::size_t bells_at_server() const {
    std::size_t count = 0;
    for (const std::string& name : broker_.subscriptions->channels) {
      count += name.rfind("__keyspace", 0) == 0 ? 1 : 0;
    }
    return count;
  }
  static bool is_in_lane(const Member& member) { return Lane::of(member) != nullptr; }

  bool notifies_ = true;
  test::FakeScheduler scheduler_;
  Hub hub_{scheduler_};
  test::LaneWorld world_;
  test::BrokerConnection broker_{hub_};
  KeyspaceBells bells_{world_.lanes, broker_.logger, HashSecret{}};
  std::list<Member> members_;
};

TEST_F(KeyspaceBellsTest, LanesListenWhereNothingIsNotified) {
  notifies_ = false;
  Member& a = listening("a");
  for (int i = 1; i <= 20; ++i) {
    pass(500);
    add("a");
    EXPECT_EQ(a.by_lane, i);
  }
  EXPECT_FALSE(bells().is_on());
  EXPECT_TRUE(is_in_lane(a));
}

TEST_F(KeyspaceBellsTest, AStreamLeavesItsLaneWhenLaneAndBellToldOfAnEntryAndReadsOnce) {
  Member& a = listening("a");
  Member& quiet = listening("quiet");
  turn_on("a");
  EXPECT_FALSE(is_in_lane(a));
  EXPECT_FALSE(is_in_lane(quiet));
  EXPECT_EQ(quiet.rings, 1) << "what its lane was about to tell must not be lost";
  const int before = quiet.rings;
  add("quiet");
  EXPECT_EQ(quiet.rings, before + 1);
  EXPECT_EQ(quiet.by_lane, 0);
  EXPECT_EQ(quiet.at, world_.redis.last_id("quiet"));
}

TEST_F(KeyspaceBellsTest, ABellTurnsNothingOnWithoutALaneThatTellsTheSame) {
  notifies_ = false;
  listening("a");
  pass(1000);
  notify("a", "xadd");
  pass(2000);
  add("a");
  notify("a", "del");
  pass(2000);
  EXPECT_FALSE(bells().is_on());
}

TEST_F(KeyspaceBellsTest, EveryEventRingsButATrim) {
  Member& a = listening("a");
  turn_on("a");
  const int before = a.rings;
  for (const char* event : {"xadd", "xdel", "del", "expired", "rename_to", "restore", "xsetid"}) {
    notify("a", event);
  }
  EXPECT_EQ(a.rings, before + 7);
  notify("a", "xtrim");
  EXPECT_EQ(a.rings, before + 7);
}

TEST_F(KeyspaceBellsTest, AStreamThatComesLaterSeesNoLaneAndReadsWhenItsBellIsConfirmed) {
  listening("a");
  turn_on("a");
  Member& late = members_.emplace_back(*this, "late");
  late.read();
  EXPECT_EQ(late.rings, 0);
  world_.xadd("late");  // before the server knows of the subscription
  exchange();
  EXPECT_EQ(late.rings, 1);
  EXPECT_EQ(late.at, world_.redis.last_id("late"));
  EXPECT_FALSE(is_in_lane(late));
  pass(5000);
  EXPECT_TRUE(bells().is_on()) << "nobody promised a bell for that one";
}

TEST_F(KeyspaceBellsTest, EntriesThatNoBellToldOfSendAllBackToTheLanes) {
  Member& a = listening("a");
  Member& b = listening("b");
  turn_on("a");
  pass(30'000);
  notifies_ = false;
  add("a");
  add("b");
  EXPECT_LT(a.at, world_.redis.last_id("a"));
  a.read();  // the check of silent streams
  pass(3000);
  EXPECT_FALSE(bells().is_on());
  EXPECT_TRUE(is_in_lane(a));
  EXPECT_EQ(b.at, world_.redis.last_id("b")) << "its lane listens from where it was";
  notifies_ = true;
  for (int i = 0; i < 130 && !bells().is_on(); ++i) {
    pass(500);
    add("a");
  }
  EXPECT_TRUE(bells().is_on()) << "looked for again";
}

TEST_F(KeyspaceBellsTest, ABellMayComeAfterItsEntryWasRead) {
  Member& a = listening("a");
  turn_on("a");
  pass(30'000);
  world_.xadd("a");
  a.read();
  pass(1500);
  notify("a", "xadd");
  pass(10'000);
  EXPECT_TRUE(bells().is_on());
}

TEST_F(KeyspaceBellsTest, IdsThatWentBackAreNoSignOfLostBells) {
  Member& a = listening("a");
  turn_on("a");
  pass(30'000);
  a.at = {};
  bells().listen(a, now_ms());
  pass(10'000);
  EXPECT_TRUE(bells().is_on());
}

TEST_F(KeyspaceBellsTest, ALostConnectionSendsAllBackToTheLanesUntilBellsAreHeardAgain) {
  Member& a = listening("a");
  turn_on("a");
  broker_.lose_subscriptions(now_ms());
  EXPECT_TRUE(is_in_lane(a));
  world_.exchange();
  world_.xadd("a");
  world_.exchange();
  EXPECT_EQ(a.at, world_.redis.last_id("a"));
  broker_.connect(now_ms());
  exchange();
  EXPECT_FALSE(bells().is_on());
  turn_on("a");
  EXPECT_FALSE(is_in_lane(a));
}

TEST_F(KeyspaceBellsTest, ARefusedBellLeavesTheLaneAndIsAskedForRarely) {
  for (const char* key : {"a", "b", "c"}) {
    broker_.redis.forbidden.insert(channel(key));
    listening(key);
  }
  asked();
  pass(50'000);
  EXPECT_EQ(asked().size(), 1u) << "one stream tries for all";
  EXPECT_TRUE(broker_.logger.lines.size() <= 1);
  for (Member& member : members_) {
    EXPECT_TRUE(is_in_lane(member));
  }
  broker_.redis.forbidden.clear();
  pass(130'000);
  turn_on("a");
  for (Member& member : members_) {
    EXPECT_FALSE(is_in_lane(member));
  }
}

TEST_F(KeyspaceBellsTest, ARefusedStreamKeepsItsLaneWhereOthersHaveBells) {
  listening("a");
  turn_on("a");
  broker_.redis.forbidden.insert(channel("b"));
  Member& b = listening("b");
  EXPECT_TRUE(is_in_lane(b));
  asked();
  pass(30'000);
  EXPECT_TRUE(asked().empty());
  add("b");
  EXPECT_EQ(b.by_lane, 1);
  broker_.redis.forbidden.clear();
  pass(100'000);
  EXPECT_FALSE(is_in_lane(b));
}

TEST_F(KeyspaceBellsTest, AServerThatDoesNotNotifyPaysForAFewBellsOnly) {
  notifies_ = false;
  for (int i = 0; i < 500; ++i) {
    listening("s" + std::to_string(i));
  }
  pass(30'000);
  EXPECT_EQ(bells_at_server(), kSample);
  // The one that has entries is among them.
  for (int i = 0; i < 3; ++i) {
    add("s499");
    pass(500);
  }
  EXPECT_EQ(bells_at_server(), kSample);
  EXPECT_EQ(broker_.subscriptions->channels.count(channel("s499")), 1u);
  notifies_ = true;
  add("s499");
  EXPECT_TRUE(bells().is_on());
  pass(5000);
  EXPECT_EQ(bells_at_server(), 500u);
  EXPECT_EQ(world_.lanes.member_count(), 0u);
}

TEST_F(KeyspaceBellsTest, AStreamThatGoesUnsubscribesAndMayComeBackAtAnyTime) {
  listening("a");
  turn_on("a");
  for (int i = 0; i < 3; ++i) {
    Member& b = listening("b");
    bells().remove(b, now_ms());
    members_.pop_back();
    Member& again = members_.emplace_back(*this, "b");  // before the server knows
    again.read();
    exchange();
    EXPECT_EQ(broker_.subscriptions->channels.count(channel("b")), 1u);
    add("b");
    EXPECT_EQ(again.at, world_.redis.last_id("b"));
    bells().remove(again, now_ms());
    members_.pop_back();
    exchange();
    EXPECT_EQ(broker_.subscriptions->channels.count(channel("b")), 0u);
    EXPECT_EQ(bells().bell_count(), 1u);
    notify("b", "xadd");
  }
}

TEST_F(KeyspaceBellsTest, APubsubReaderOfTheSameChannelAndABellDoNotTakeItFromEachOther) {
  Member& a = listening("a");
  turn_on("a");
  SubscriberOptions options;
  ReadOptions reading;
  test::FakeSink sink;
  auto subscribe = [&](Subscriber& subscriber) {
    broker_.source.add(subscriber, 0, TopicKind::channel, channel("a"), now_ms());
    broker_.source.subscribe(subscriber);
    exchange();
  };
  const auto leave = [&](Subscriber& subscriber) {
    hub_.forget(subscriber);
    broker_.source.leave(subscriber, now_ms());
    for (int i = 0; i < 20; ++i) {
      pass(500);
      broker_.source.tick(now_ms());
      exchange();
    }
  };
  {
    Subscriber user(sink, options, reading, 1);
    subscribe(user);
    leave(user);
  }
  const int before = a.rings;
  add("a");
  EXPECT_EQ(a.rings, before + 1) << "the user has left, the bell has not";
  {
    Subscriber user(sink, options, reading, 1);
    subscribe(user);
    bells().remove(a, now_ms());
    exchange();
    EXPECT_EQ(broker_.subscriptions->channels.count(channel("a")), 1u) << "the bell has left, the user has not";
    leave(user);
  }
  EXPECT_EQ(broker_.subscriptions->channels.count(channel("a")), 0u);
  EXPECT_EQ(broker_.source.topic_count(), 0u);
}

}  // namespace
}  // namespace sse
