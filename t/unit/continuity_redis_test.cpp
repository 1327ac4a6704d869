// The model of a stream and the rule of continuity against a real redis-server: the random histories of continuity_model_test.cpp, each
// on a key of its own, with tails that are lost by RESTORE of an earlier DUMP. A failure names its seed.
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "continuity.hpp"
#include "random_history.hpp"
#include "real_redis.hpp"
#include "reset_duty.hpp"
#include "stream_facts.hpp"

namespace sse {
namespace {

using redis::ReplyView;
using test::Operation;
using test::RandomHistory;
using test::RealRedis;
using test::ResetDuty;

constexpr std::size_t kCursors = 4;

std::string shown(const std::optional<StreamFacts>& facts) {
  if (!facts || !facts->exists) {
    return facts ? "missing" : "no facts";
  }
  return std::to_string(facts->length) + " of " + std::to_string(facts->entries_added) + ", first " +
         to_string(facts->first.value_or(kFirstStreamId)) + ", last " + to_string(facts->last.value_or(kFirstStreamId)) + ", generated " +
         to_string(facts->last_generated) + ", deleted " + to_string(facts->max_deleted);
}

// A history that is played to Redis as well: every step asks, in one transaction, for the facts and a page for each of some cursors.
class Played {
 public:
  Played(std::uint64_t seed, std::size_t number) : history_(seed), seed_(seed), key_("events:" + std::to_string(number)) {}

  // Plays the next step.
  void ask(RealRedis& redis) {
    operation_ = history_.step();
    redis.add(command());
    redis.add({"MULTI"});
    redis.add({"XINFO", "STREAM", key_});
    for (StreamId& cursor : cursors_) {
      cursor = history_.cursor();
      redis.add({"XRANGE", key_, to_string(cursor), "+", "COUNT", "1"});
    }
    redis.add({"EXEC"});
  }

  void check(RealRedis& redis, test::DutyTally& tally) {
    check_operation(redis.reply());
    for (std::size_t i = 0; i < 2 + kCursors; ++i) {
      ASSERT_FALSE(redis.reply().is_error()) << place();
    }
    std::optional<StreamFacts> facts;
    std::size_t element = 0;
    for (const ReplyView answer : redis.reply()) {
      if (element++ == 0) {
        facts = parse_stream_facts(answer);
        ASSERT_EQ(shown(facts), shown(history_.facts())) << place();
      } else {
        check_cursor(cursors_[element - 2], *facts, answer, tally);
      }
    }
    ASSERT_EQ(element, 1 + kCursors) << place();
  }

  // Only the facts, which nothing has changed.
  void ask_facts(RealRedis& redis) const { redis.add({"XINFO", "STREAM", key_}); }
  void check_facts(RealRedis& redis) const { ASSERT_EQ(shown(parse_stream_facts(redis.reply())), shown(history_.facts())) << place(); }

  Operation::Kind last_kind() const { return operation_.kind; }

 private:
  using Kind = Operation::Kind;

  std::string place() const {
    return "SSE_TEST_SEED=" + std::to_string(seed_) + ", operation " + std::to_string(static_cast<int>(operation_.kind));
  }

  std::vector<std::string> command() const {
    const std::string id = to_string(operation_.id);
    switch (operation_.kind) {
      case Kind::add:
        return operation_.length ? std::vector<std::string>{"XADD", key_, "MAXLEN", "=", std::to_string(*operation_.length), id, "data", id}
                                 : std::vector<std::string>{"XADD", key_, id, "data", id};
      case Kind::trim_to:
        return {"XTRIM", key_, "MAXLEN", "=", std::to_string(*operation_.length)};
      case Kind::trim_below:
        return {"XTRIM", key_, "MINID", "=", id};
      case Kind::withdraw:
        return {"XDEL", key_, id};
      case Kind::make_empty:
        return {"XGROUP", "CREATE", key_, "group", "$", "MKSTREAM"};
      case Kind::save:
        return {"DUMP", key_};
      case Kind::go_back:
        if (const std::optional<std::string>& dump = dumps_[operation_.slot]) {
          return {"RESTORE", key_, "0", *dump, "REPLACE"};
        }
        break;
      case Kind::remove_key:
        break;
    }
    return {"DEL", key_};
  }

  void check_operation(ReplyView answer) {
    ASSERT_FALSE(answer.is_error()) << answer.text() << ": " << place();
    if (operation_.kind == Kind::save) {
      dumps_[operation_.slot] = answer.is_text() ? std::make_optional(std::string(answer.text())) : std::nullopt;
    }
  }

  void check_cursor(StreamId cursor, const StreamFacts& facts, ReplyView page, test::DutyTally& tally) {
    ASSERT_TRUE(page.is_array()) << place();
    std::optional<StreamId> first;
    for (const ReplyView entry : page) {
      first = parse_stream_id((*entry.begin()).text());
    }
    ASSERT_EQ(first, history_.stream() ? history_.stream()->first_from(cursor) : std::nullopt) << place();
    const Continuity verdict = first == cursor ? Continuity::continuous : judge_cursor(cursor, facts);
    const ResetDuty duty = test::reset_duty(history_.stream(), cursor);
    const bool is_reset = verdict != Continuity::continuous;
    ASSERT_TRUE(is_reset || duty != ResetDuty::required) << "lost in silence: cursor " << to_string(cursor) << ": " << place();
    ASSERT_TRUE(!is_reset || duty != ResetDuty::forbidden) << "a reset without need: cursor " << to_string(cursor) << ": " << place();
    tally.count(duty, is_reset);
    if (is_reset) {
      history_.give_position(reset_position(verdict, facts));
    }
  }

  RandomHistory history_;
  std::uint64_t seed_;
  std::string key_;
  Operation operation_ = {Operation::Kind::save};
  std::array<StreamId, kCursors> cursors_;
  std::array<std::optional<std::string>, RandomHistory::kSlots> dumps_;
};

class ContinuityOnRedis : public testing::Test {
 protected:
  ContinuityOnRedis() {
    const char* given = std::getenv("SSE_TEST_SEED");
    seed_ = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
    for (std::size_t i = 0; i < kHistories; ++i) {
      played_.emplace_back(seed_ + i, i);
    }
  }

  void play(std::size_t steps) {
    for (std::size_t step = 0; step < steps; ++step) {
      for (Played& played : played_) {
        played.ask(redis_);
        ++operations_[static_cast<std::size_t>(played.last_kind())];
      }
      redis_.flush();
      for (Played& played : played_) {
        ASSERT_NO_FATAL_FAILURE(played.check(redis_, tally_));
      }
    }
  }

  void check_all_facts() {
    for (const Played& played : played_) {
      played.ask_facts(redis_);
    }
    redis_.flush();
    for (const Played& played : played_) {
      ASSERT_NO_FATAL_FAILURE(played.check_facts(redis_));
    }
  }

  static constexpr std::size_t kHistories = 500;

  // Small nodes, so that streams of some ten entries have several; DEBUG for what a restart reads.
  RealRedis redis_{{"--stream-node-max-entries", "4", "--enable-debug-command", "local", "--aof-use-rdb-preamble", "no"}};
  std::uint64_t seed_;
  std::vector<Played> played_;
  std::array<std::size_t, Operation::kKinds> operations_ = {};
  test::DutyTally tally_;
};

TEST_F(ContinuityOnRedis, EveryCursorOfRandomHistoriesGetsItsDue) {
  ASSERT_NO_FATAL_FAILURE(play(60));
  std::cout << "seed " << seed_ << ": " << tally_ << "\n";
  EXPECT_GT(tally_.of(ResetDuty::required, true), 20000U);
  EXPECT_GT(tally_.of(ResetDuty::forbidden, false), 20000U);
  EXPECT_GT(tally_.of(ResetDuty::allowed, true), 1000U);
  EXPECT_GT(tally_.of(ResetDuty::allowed, false), 500U);
  for (std::size_t kind = 0; kind < operations_.size(); ++kind) {
    EXPECT_GT(operations_[kind], 200U) << "operation " << kind;
  }
}

// What the rule counts with is not lost by a restart, whichever file Redis comes back from.
TEST_F(ContinuityOnRedis, TheFactsOutliveARestart) {
  ASSERT_NO_FATAL_FAILURE(play(30));
  ASSERT_EQ(redis_.command({"DEBUG", "RELOAD"}).text(), "OK") << "from an RDB file";
  ASSERT_NO_FATAL_FAILURE(check_all_facts());

  ASSERT_EQ(redis_.command({"CONFIG", "SET", "appendonly", "yes"}).text(), "OK") << "writes all streams as commands";
  const auto is_being_written = [this] {
    const std::string info(redis_.command({"INFO", "persistence"}).text());
    return info.find("aof_rewrite_in_progress:1") != std::string::npos || info.find("aof_rewrite_scheduled:1") != std::string::npos;
  };
  while (is_being_written()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  ASSERT_EQ(redis_.command({"DEBUG", "LOADAOF"}).text(), "OK") << "from an append-only file";
  ASSERT_NO_FATAL_FAILURE(check_all_facts());
}

}  // namespace
}  // namespace sse
