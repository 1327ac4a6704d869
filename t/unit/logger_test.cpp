#include "logger.hpp"

#include <gtest/gtest.h>

namespace sse {
namespace {

TEST(LogLimit, LetsTheFirstLineThroughAtAnyTime) {
  LogLimit early(1000);
  EXPECT_TRUE(early.allows(0));
  LogLimit late(1000);
  EXPECT_TRUE(late.allows(5000000));
}

TEST(LogLimit, LetsOneLineThroughInEachInterval) {
  LogLimit limit(1000);
  EXPECT_TRUE(limit.allows(5000));
  EXPECT_FALSE(limit.allows(5000));
  EXPECT_FALSE(limit.allows(5999));
  EXPECT_TRUE(limit.allows(6000));
  EXPECT_FALSE(limit.allows(6999));
}

TEST(LogLimit, CountsWhatItHeldBackOnce) {
  LogLimit limit(1000);
  EXPECT_TRUE(limit.allows(5000));
  EXPECT_EQ(limit.take_suppressed(), 0u);
  EXPECT_FALSE(limit.allows(5001));
  EXPECT_FALSE(limit.allows(5002));
  EXPECT_TRUE(limit.allows(6000));
  EXPECT_EQ(limit.take_suppressed(), 2u);
  EXPECT_EQ(limit.take_suppressed(), 0u);
}

}  // namespace
}  // namespace sse
