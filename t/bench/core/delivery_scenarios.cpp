// From a message's arrival to the sinks of many streams. An operation is one delivery: one message to one stream.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "scenario.hpp"
#include "world.hpp"

namespace sse::bench {

namespace {

constexpr std::uint64_t kKeepaliveMs = 15'000;

struct Audience {
  std::size_t streams;
  std::size_t channels = 1;     // of each stream; messages go to the first
  std::size_t blocked_of = 0;   // every so many-th stream's socket is full in the middle of each frame; 0: none
  std::size_t messages = 1;     // that come together
  std::size_t to_channels = 1;  // that these messages go to in turn
  std::size_t payload_bytes = 100;
};

class Deliver final : public Scenario {
 public:
  explicit Deliver(const Audience& audience) : audience_(audience) {
    world_.options.keepalive_ms = kKeepaliveMs;
    std::vector<std::string> channels;
    for (std::size_t i = 0; i < audience.channels; ++i) {
      channels.push_back("channel" + std::to_string(i));
    }
    world_.open(audience.streams, channels);
    for (std::size_t i = 0; i < audience.messages; ++i) {
      messages_ += redis_message(channels[i % audience.to_channels], text_of_size(audience.payload_bytes));
    }
  }

  std::size_t run() override {
    if (audience_.blocked_of != 0) {
      set_room(audience_.payload_bytes / 2);
    }
    const std::uint64_t before = world_.hub().counters().bytes_sent;
    world_.from_redis(messages_);
    world_.flush();
    if (audience_.blocked_of != 0) {
      set_room(SIZE_MAX);
      for (std::size_t i = 0; i < world_.streams.size(); i += audience_.blocked_of) {
        world_.hub().on_writable(world_.streams[i]->subscriber, world_.now_ms);
      }
    }
    const std::size_t deliveries = audience_.streams * audience_.messages;
    require(world_.hub().counters().bytes_sent - before > deliveries * audience_.payload_bytes);
    return deliveries;
  }

 private:
  void set_room(std::size_t bytes) {
    for (std::size_t i = 0; i < world_.streams.size(); i += audience_.blocked_of) {
      world_.streams[i]->sink.room_per_send = bytes;
    }
  }

  Audience audience_;
  World world_;
  std::string messages_;
};

class Keepalive final : public Scenario {
 public:
  explicit Keepalive(std::size_t streams) {
    world_.options.keepalive_ms = kKeepaliveMs;
    world_.open(streams, {"news"});
  }

  std::size_t run() override {
    const std::uint64_t before = world_.hub().counters().sends;
    world_.now_ms += kKeepaliveMs;
    world_.flush();
    require(world_.hub().counters().sends - before == world_.streams.size());
    return world_.streams.size();
  }

 private:
  World world_;
};

}  // namespace

void add_delivery(Scenarios& scenarios) {
  add<Deliver>(scenarios, "deliver/10000_streams", Audience{10'000});
  add<Deliver>(scenarios, "deliver/10000_streams_all_block", Audience{10'000, 1, 1});
  add<Deliver>(scenarios, "deliver/10000_streams_tenth_blocks", Audience{10'000, 1, 10});
  add<Deliver>(scenarios, "deliver/10000_streams_10KB", Audience{10'000, 1, 0, 1, 1, 10'000});
  add<Deliver>(scenarios, "deliver/1000_streams", Audience{1000});
  add<Deliver>(scenarios, "deliver/1000_streams_10_messages", Audience{1000, 1, 0, 10});
  add<Deliver>(scenarios, "deliver/1000_streams_of_8", Audience{1000, 8});
  add<Deliver>(scenarios, "deliver/1000_streams_of_8_all_at_once", Audience{1000, 8, 0, 8, 8});
  add<Deliver>(scenarios, "deliver/1000_streams_of_32", Audience{1000, 32});
  add<Deliver>(scenarios, "deliver/1000_streams_of_32_all_at_once", Audience{1000, 32, 0, 32, 32});
  add<Keepalive>(scenarios, "keepalive/1000_streams", std::size_t{1000});
  add<Keepalive>(scenarios, "keepalive/100000_streams", std::size_t{100'000});
}

}  // namespace sse::bench
