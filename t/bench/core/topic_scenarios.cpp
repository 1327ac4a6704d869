// What depends on how many channels and streams there are: it should not.
#include <cstddef>
#include <string>
#include <vector>

#include "scenario.hpp"
#include "world.hpp"

namespace sse::bench {

namespace {

std::string channel_name(std::size_t i) { return "events:user:" + std::to_string(i); }

// Messages to a few of many channels of one stream each, and to as many streams elsewhere as are asked for.
class Publish final : public Scenario {
 public:
  Publish(std::size_t channels, std::size_t streams_elsewhere) {
    for (std::size_t i = 0; i < channels; ++i) {
      world_.subscribe({channel_name(i)});
    }
    world_.open(streams_elsewhere, {"elsewhere"});
    for (std::size_t i = 0; i < kMessages; ++i) {
      messages_ += redis_message(channel_name(i * channels / kMessages), text_of_size(100));
    }
  }

  std::size_t run() override {
    const std::size_t before = world_.hub().counters().sends;
    world_.from_redis(messages_);
    world_.flush();
    require(world_.hub().counters().sends - before == kMessages);
    return kMessages;
  }

 private:
  static constexpr std::size_t kMessages = 10;

  World world_;
  std::string messages_;
};

// Streams come, each to a channel of its own or all to the same, Redis confirms, and they go.
class Visit final : public Scenario {
 public:
  enum class To { one_channel, own_channels };

  Visit(To to, std::size_t streams) : to_(to), streams_(streams) {}

  std::size_t run() override {
    for (std::size_t i = 0; i < streams_; ++i) {
      world_.subscribe({channel_name(to_ == To::one_channel ? 0 : i)});
    }
    world_.confirm();
    for (std::size_t i = 0; i < streams_; ++i) {
      require(world_.streams.back()->subscriber.state() == Subscriber::State::open);
      world_.leave();
    }
    world_.stop_lingering();
    return streams_;
  }

 private:
  To to_;
  std::size_t streams_;
  World world_;
};

}  // namespace

void add_topics(Scenarios& scenarios) {
  add<Publish>(scenarios, "publish/one_of_10_channels", std::size_t{10}, std::size_t{0});
  add<Publish>(scenarios, "publish/one_of_100000_channels", std::size_t{100'000}, std::size_t{0});
  add<Publish>(scenarios, "publish/100000_streams_elsewhere", std::size_t{10}, std::size_t{100'000});
  add<Visit>(scenarios, "visit/one_channel", Visit::To::one_channel, std::size_t{1000});
  add<Visit>(scenarios, "visit/own_channels", Visit::To::own_channels, std::size_t{1000});
}

}  // namespace sse::bench
