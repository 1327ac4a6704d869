// The rule against random histories, each with clients that read, go away and come back. A failure names its seed.
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <random>
#include <set>
#include <vector>

#include "continuity.hpp"
#include "random_history.hpp"
#include "reset_duty.hpp"

namespace sse {
namespace {

using test::Operation;
using test::RandomHistory;
using test::ResetDuty;
using test::StreamModel;

Continuity judge(const RandomHistory& history, StreamId cursor) {
  const bool is_retained = history.stream() && history.stream()->is_retained(cursor);
  return is_retained ? Continuity::continuous : judge_cursor(cursor, history.facts());
}

std::optional<StreamId> first_after(const RandomHistory& history, StreamId position) {
  return history.stream() ? history.stream()->first_from(position.next()) : std::nullopt;
}

// A client with its own memory of what it was sent. It is owed every entry after the position where it began or was reset to, but not
// what was withdrawn when it came by (the withdrawal itself may be lost with a tail).
class Client {
 public:
  enum class Outcome : std::uint8_t { continued, reset, missed_in_silence };

  // Reads all that is retained after the cursor, as the rule says.
  Outcome visit(const RandomHistory& history) {
    const Continuity verdict = judge(history, cursor_);
    if (verdict != Continuity::continuous) {
      cursor_ = owed_after_ = reset_position(verdict, history.facts());
      seen_.clear();
    }
    if (history.stream()) {
      read(*history.stream());
    }
    const bool has_missed = history.stream() && misses(*history.stream());
    if (has_missed) {
      owed_after_ = cursor_;
    }
    return has_missed ? Outcome::missed_in_silence : verdict == Continuity::continuous ? Outcome::continued : Outcome::reset;
  }

  StreamId cursor() const { return cursor_; }

 private:
  void read(const StreamModel& stream) {
    while (const std::optional<StreamId> id = stream.first_from(cursor_.next())) {
      seen_.insert(*id);
      cursor_ = *id;
    }
    stream.for_each([&](StreamId id, bool is_withdrawn) {
      if (is_withdrawn) {
        seen_.insert(id);
      }
    });
  }

  bool misses(const StreamModel& stream) const {
    bool misses_any = false;
    stream.for_each([&](StreamId id, bool) { misses_any = misses_any || (id > owed_after_ && seen_.count(id) == 0); });
    return misses_any;
  }

  StreamId cursor_;
  StreamId owed_after_;
  std::set<StreamId> seen_;
};

std::uint64_t random_seed() {
  const char* given = std::getenv("SSE_TEST_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
}

TEST(ContinuityModel, EveryCursorOfRandomHistoriesGetsItsDue) {
  constexpr std::size_t kHistories = 1500;
  constexpr std::size_t kSteps = 40;
  constexpr std::size_t kCursors = 2;
  const std::uint64_t seed = random_seed();
  std::array<std::size_t, Operation::kKinds> operations = {};
  test::DutyTally tally;
  for (std::size_t number = 0; number < kHistories; ++number) {
    RandomHistory history(seed + number);
    for (std::size_t step = 0; step < kSteps; ++step) {
      ++operations[static_cast<std::size_t>(history.step().kind)];
      for (std::size_t i = 0; i < kCursors; ++i) {
        const StreamId cursor = history.cursor();
        const ResetDuty duty = reset_duty(history.stream(), cursor);
        const Continuity verdict = judge(history, cursor);
        const bool is_reset = verdict != Continuity::continuous;
        const auto shown = [&] {
          return "SSE_TEST_SEED=" + std::to_string(seed + number) + ", step " + std::to_string(step) + ", cursor " + to_string(cursor);
        };
        ASSERT_TRUE(is_reset || duty != ResetDuty::required) << "lost in silence: " << shown();
        ASSERT_TRUE(!is_reset || duty != ResetDuty::forbidden) << "a reset without need: " << shown();
        tally.count(duty, is_reset);
        if (is_reset) {
          const StreamId position = reset_position(verdict, history.facts());
          ASSERT_EQ(judge(history, position), Continuity::continuous) << "reset again: " << shown();
          ASSERT_EQ(history.facts().first, first_after(history, position)) << "a retained entry is left out: " << shown();
          history.give_position(position);
        }
      }
    }
  }
  std::cout << "seed " << seed << ": " << tally << "\n";
  EXPECT_GT(tally.of(ResetDuty::required, true), 20000U);
  EXPECT_GT(tally.of(ResetDuty::forbidden, false), 20000U);
  EXPECT_GT(tally.of(ResetDuty::allowed, true), 1000U);
  EXPECT_GT(tally.of(ResetDuty::allowed, false), 500U);
  for (std::size_t kind = 0; kind < operations.size(); ++kind) {
    EXPECT_GT(operations[kind], 500U) << "operation " << kind;
  }
}

// What a client missed without a reset is excused only where its cursor was of a history that is gone, and could not be told from an
// entry of this one that was withdrawn, or from the position that a reset gives.
TEST(ContinuityModel, AClientMissesNothingInSilence) {
  constexpr std::size_t kHistories = 1500;
  constexpr std::size_t kSteps = 40;
  const std::uint64_t seed = random_seed();
  std::array<std::size_t, 3> outcomes = {};
  for (std::size_t number = 0; number < kHistories; ++number) {
    RandomHistory history(seed + number);
    std::array<Client, 3> clients;
    for (std::size_t step = 0; step < kSteps; ++step) {
      history.step();
      Client& client = clients[history.below(clients.size())];
      const StreamId cursor = client.cursor();
      const ResetDuty duty = reset_duty(history.stream(), cursor);
      const bool is_held = cursor == kFirstStreamId || (history.stream() && history.stream()->has_held(cursor));
      const Client::Outcome outcome = client.visit(history);
      ++outcomes[static_cast<std::size_t>(outcome)];
      if (outcome == Client::Outcome::missed_in_silence) {
        ASSERT_TRUE(!is_held && duty != ResetDuty::required)
            << "SSE_TEST_SEED=" << seed + number << ", step " << step << ", cursor " << to_string(cursor);
      }
    }
  }
  std::cout << "seed " << seed << ": " << outcomes[0] << " continued, " << outcomes[1] << " reset, " << outcomes[2] << " excused\n";
  EXPECT_GT(outcomes[0], 20000U);
  EXPECT_GT(outcomes[1], 1000U);
  EXPECT_LT(outcomes[2], outcomes[0] / 100);
}

}  // namespace
}  // namespace sse
