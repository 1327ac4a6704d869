#include "requested_channels.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sse {
namespace {

using ::testing::ElementsAre;

constexpr TopicKind kChannel = TopicKind::channel;
constexpr TopicKind kPattern = TopicKind::pattern;

TEST(RequestedChannels, KeepTheirOrderAndAreThereOnce) {
  RequestedChannels requested(0);
  std::string error;
  for (const char* name : {"b", "a", "b", "c", "a"}) {
    EXPECT_TRUE(requested.add(kChannel, name, error));
  }
  EXPECT_TRUE(requested.add(kPattern, "b", error));
  EXPECT_THAT(requested.take(),
              ElementsAre(ChannelName{kChannel, "b"}, ChannelName{kChannel, "a"}, ChannelName{kChannel, "c"}, ChannelName{kPattern, "b"}));
}

TEST(RequestedChannels, AreThereOnceAlsoWhenTheyAreMany) {
  constexpr std::size_t kNames = 1000;
  RequestedChannels requested(0);
  std::string error;
  for (int time = 0; time < 2; ++time) {
    for (std::size_t i = 0; i < kNames; ++i) {
      const std::string name = std::to_string(i);
      EXPECT_TRUE(requested.add(kChannel, name, error) && requested.add(kPattern, name, error) && requested.add(kPattern, "0", error));
    }
  }
  const std::vector<ChannelName> channels = requested.take();
  ASSERT_EQ(channels.size(), 2 * kNames);
  for (std::size_t i = 0; i < channels.size(); ++i) {
    EXPECT_EQ(channels[i].kind, i % 2 == 0 ? kChannel : kPattern);
    EXPECT_EQ(channels[i].name, std::to_string(i / 2));
  }
}

TEST(RequestedChannels, TheFirstBeyondTheLimitIsRefusedAndTheErrorNamesTheLimit) {
  for (const std::size_t limit : {1U, 31U, 32U, 33U, 100U}) {
    RequestedChannels requested(limit);
    std::string error;
    for (std::size_t i = 0; i < limit; ++i) {
      EXPECT_TRUE(requested.add(kChannel, std::to_string(i), error));
    }
    EXPECT_TRUE(requested.add(kChannel, "0", error)) << "known already";
    EXPECT_FALSE(requested.add(kChannel, "x", error));
    EXPECT_EQ(error, "too many channels: at most " + std::to_string(limit) + " are allowed on one connection");
    EXPECT_EQ(requested.take().size(), limit);
  }
}

TEST(RequestedChannels, OfTypeStreamAreAtMostEightDifferentOnes) {
  for (const std::size_t limit : {0U, 9U, 32U}) {
    RequestedChannels requested(limit, ChannelType::stream);
    std::string error;
    for (std::size_t i = 0; i < 8; ++i) {
      EXPECT_TRUE(requested.add(kChannel, std::to_string(i), error));
    }
    EXPECT_TRUE(requested.add(kChannel, "0", error)) << "known already";
    EXPECT_FALSE(requested.add(kChannel, "x", error));
    EXPECT_EQ(error, "too many channels: at most 8 of type \"stream\" are allowed on one connection");
  }
}

TEST(RequestedChannels, OfTypeStreamHaveTheSmallerLimitOfALocation) {
  RequestedChannels requested(2, ChannelType::stream);
  std::string error;
  EXPECT_TRUE(requested.add(kChannel, "a", error) && requested.add(kChannel, "b", error));
  EXPECT_FALSE(requested.add(kChannel, "c", error));
  EXPECT_EQ(error, "too many channels: at most 2 are allowed on one connection");
}

TEST(RequestedChannels, AWrongNameIsRefused) {
  RequestedChannels requested(0);
  std::string error;
  EXPECT_FALSE(requested.add(kChannel, "", error));
  EXPECT_EQ(error, "channel name is empty");
  EXPECT_FALSE(requested.add(kChannel, "a\nb", error));
  EXPECT_EQ(error, "channel name contains a control character");
}

}  // namespace
}  // namespace sse
