#include "backoff.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace sse {
namespace {

constexpr std::uint32_t kHighest = 0xffffffffu;

TEST(Backoff, DoublesUpToTheCap) {
  Backoff backoff(100, 1000);
  for (const std::uint32_t expected : {100u, 200u, 400u, 800u, 1000u, 1000u}) {
    EXPECT_EQ(backoff.next_ms(kHighest), expected);
  }
}

TEST(Backoff, WaitsAtLeastHalfTheDelay) {
  Backoff backoff(100, 1000);
  for (const std::uint32_t expected : {50u, 100u, 200u, 400u, 500u, 500u}) {
    EXPECT_EQ(backoff.next_ms(0), expected);
  }
}

TEST(Backoff, BeginsAnewAfterReset) {
  Backoff backoff(100, 1000);
  backoff.next_ms(0);
  backoff.next_ms(0);
  backoff.reset();
  EXPECT_EQ(backoff.next_ms(kHighest), 100u);
}

TEST(Backoff, DrawsEveryWaitBetweenHalfAndWhole) {
  Backoff backoff(100, 100);
  std::mt19937 random(3);
  std::set<std::uint32_t> seen;
  for (int i = 0; i < 20000; ++i) {
    seen.insert(backoff.next_ms(static_cast<std::uint32_t>(random())));
  }
  EXPECT_EQ(seen.size(), 51u);
  EXPECT_EQ(*seen.begin(), 50u);
  EXPECT_EQ(*seen.rbegin(), 100u);
}

TEST(Backoff, DoesNotOverflow) {
  Backoff backoff(3000000000u, kHighest);
  EXPECT_EQ(backoff.next_ms(kHighest), 3000000000u);
  EXPECT_EQ(backoff.next_ms(kHighest), kHighest);
  EXPECT_EQ(backoff.next_ms(0), kHighest / 2);
}

TEST(Backoff, FirstIsNeitherAboveTheCapNorZero) {
  Backoff above(500, 100);
  EXPECT_EQ(above.next_ms(kHighest), 100u);
  Backoff zero(0, 8);
  EXPECT_EQ(zero.next_ms(kHighest), 1u);
  EXPECT_EQ(zero.next_ms(kHighest), 2u);
}

}  // namespace
}  // namespace sse
