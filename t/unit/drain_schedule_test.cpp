#include "drain_schedule.hpp"

#include <gtest/gtest.h>

namespace sse {
namespace {

TEST(DrainSchedule, SpreadsTheEndsEvenly) {
  DrainSchedule schedule;
  schedule.begin(10, 1000, 5000);
  EXPECT_EQ(schedule.take_due(5000), 0u);
  EXPECT_EQ(schedule.take_due(5099), 0u);
  EXPECT_EQ(schedule.take_due(5100), 1u);
  EXPECT_EQ(schedule.take_due(5100), 0u);
  EXPECT_EQ(schedule.take_due(5500), 4u);
  EXPECT_EQ(schedule.take_due(5999), 4u);
  EXPECT_EQ(schedule.take_due(6000), 1u);
  EXPECT_EQ(schedule.take_due(7000), 0u);
}

TEST(DrainSchedule, EndsAllWhateverTheTicks) {
  for (const std::size_t streams : {0u, 1u, 7u, 1000u, 100000u}) {
    for (const std::uint64_t step_ms : {1u, 7u, 100u, 30001u}) {
      DrainSchedule schedule;
      schedule.begin(streams, 30000, 1);
      std::size_t ended = 0;
      for (std::uint64_t now_ms = 1; now_ms < 30001 + step_ms; now_ms += step_ms) {
        ended += schedule.take_due(now_ms);
        ASSERT_LE(ended, streams);
      }
      EXPECT_EQ(ended, streams) << step_ms;
    }
  }
}

TEST(DrainSchedule, WithoutADurationAllEndAtOnce) {
  DrainSchedule schedule;
  schedule.begin(3, 0, 5000);
  EXPECT_TRUE(schedule.is_over(5000));
  EXPECT_EQ(schedule.take_due(5000), 3u);
  EXPECT_EQ(schedule.take_due(5001), 0u);
}

TEST(DrainSchedule, IsOverdueAfterItsDuration) {
  DrainSchedule schedule;
  schedule.begin(3, 1000, 5000);
  EXPECT_FALSE(schedule.is_over(5999));
  EXPECT_EQ(schedule.overdue_ms(5999), 0u);
  EXPECT_TRUE(schedule.is_over(6000));
  EXPECT_EQ(schedule.overdue_ms(6000), 0u);
  EXPECT_EQ(schedule.overdue_ms(6250), 250u);
}

TEST(DrainSchedule, CanBeginAnew) {
  DrainSchedule schedule;
  schedule.begin(3, 0, 5000);
  EXPECT_EQ(schedule.take_due(5000), 3u);
  schedule.begin(2, 100, 9000);
  EXPECT_EQ(schedule.take_due(9000), 0u);
  EXPECT_EQ(schedule.take_due(9100), 2u);
}

}  // namespace
}  // namespace sse
