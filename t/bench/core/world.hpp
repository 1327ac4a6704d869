// One worker's core with everything around it played: Redis answers at once, connections take bytes and forget them, time is a number.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hub.hpp"
#include "pubsub_source.hpp"
#include "redis_reply.hpp"
#include "sink.hpp"
#include "subscriber.hpp"

namespace sse::bench {

// A scenario that does not do what it says would be counted all the same.
inline void require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

// As an application's text may look; always the same.
inline std::string text_of_size(std::size_t bytes) {
  constexpr std::string_view kWords = "The quick brown fox jumps over the lazy dog, 0123456789 times. ";
  std::string text;
  while (text.size() < bytes) {
    text.append(kWords.substr(0, bytes - text.size()));
  }
  return text;
}

// What Redis sends for a published message.
inline std::string redis_message(std::string_view channel, std::string_view payload) {
  std::string bytes;
  redis::append_command(bytes, {"message", channel, payload});
  return bytes;
}

struct OpenSink final : Sink {
  std::size_t room_per_send = SIZE_MAX;  // bytes: with less than is offered, the socket is full
  std::size_t accepted_bytes = 0;
  Hub* hub = nullptr;
  Subscriber* subscriber = nullptr;

  void confirmed() override { hub->open(*subscriber, Framing::chunked, 0); }
  SendResult send(const Batch& batch) override {
    const std::size_t accepted = std::min(room_per_send, batch.bytes());
    accepted_bytes += accepted;
    return {accepted, accepted < batch.bytes() ? SendResult::State::blocked : SendResult::State::ready};
  }
  std::size_t batch_limit() const override { return std::size_t{256} * 1024; }
  std::optional<std::uint64_t> oldest_in_flight_ms() const override { return std::nullopt; }
  std::size_t in_flight_bytes() const override { return 0; }
  void end(CloseReason) override { std::abort(); }
  void abort(CloseReason) override { std::abort(); }
};

struct Stream {
  Stream(Hub& hub, const SubscriberOptions& options, const ReadOptions& reading, std::size_t channels)
      : subscriber(sink, options, reading, channels) {
    sink.hub = &hub;
    sink.subscriber = &subscriber;
  }

  OpenSink sink;
  Subscriber subscriber;
};

class World : private FlushScheduler, private Deadline, private Logger, private redis::SessionTransport {
 public:
  World() {
    source_.subscription_session().connected(now_ms);
    from_redis("*0\r\n");  // HELLO's answer
    discard_commands();
    from_redis(answer());  // the probe's
  }
  ~World() {
    while (!streams.empty()) {
      leave();
    }
  }

  Hub& hub() { return hub_; }
  PubsubSource& source() { return source_; }

  // A stream of these channels that waits for Redis.
  Stream& subscribe(const std::vector<std::string>& channels) {
    streams.push_back(std::make_unique<Stream>(hub_, options, reading, channels.size()));
    Stream& stream = *streams.back();
    for (std::size_t i = 0; i < channels.size(); ++i) {
      const std::size_t before = source_.subscription_session().output().size();
      source_.add(stream.subscriber, i, TopicKind::channel, channels[i], now_ms);
      unconfirmed_ += source_.subscription_session().output().size() != before ? 1 : 0;
    }
    source_.subscribe(stream.subscriber);
    return stream;
  }

  // Redis confirms every channel, and every stream opens.
  void confirm() {
    discard_commands();
    for (; unconfirmed_ != 0; --unconfirmed_) {
      from_redis(answer());
    }
    flush();
  }

  void open(std::size_t count, const std::vector<std::string>& channels) {
    for (std::size_t i = 0; i < count; ++i) {
      subscribe(channels);
    }
    confirm();
  }

  // The stream that came last goes away.
  void leave() {
    hub_.forget(streams.back()->subscriber);
    source_.leave(streams.back()->subscriber, now_ms);
    streams.pop_back();
  }

  // Channels that nobody reads any more are given up.
  void stop_lingering() {
    now_ms += 60'000;
    const std::size_t before = source_.topic_count();
    source_.tick(now_ms);
    discard_commands();
    for (std::size_t left = before; left != 0; --left) {
      from_redis(answer());
    }
    require(source_.topic_count() == 0);
  }

  void from_redis(std::string_view bytes) { require(source_.subscription_session().receive(bytes, now_ms)); }

  void flush() { require(!hub_.flush(*this, now_ms)); }

  std::size_t accepted_bytes() const {
    std::size_t bytes = 0;
    for (const auto& stream : streams) {
      bytes += stream->sink.accepted_bytes;
    }
    return bytes;
  }

  SubscriberOptions options;
  ReadOptions reading = reading_options();
  std::uint64_t now_ms = 1000;
  std::vector<std::unique_ptr<Stream>> streams;

 private:
  static ReadOptions reading_options() {
    ReadOptions options;
    options.buffer_bytes = std::size_t{4} << 20;
    options.max_message_bytes = std::size_t{2} << 20;
    return options;
  }

  static std::string_view answer() { return "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"; }  // requests are told by their order

  void discard_commands() { source_.subscription_session().written(source_.subscription_session().output().size()); }

  void schedule_flush() override {}
  bool is_over() override { return false; }
  void log(LogLevel, std::string_view) override {}
  void on_output() override {}

  Hub hub_{*this};
  // No answer is ever late, and the secret is fixed: where a name stands in a table must not change from run to run.
  PubsubSource source_{hub_, *this, *this, *this, {{"", "", 0, "bench"}, "sse:probe:bench", {}, UINT64_MAX, {}}};
  std::size_t unconfirmed_ = 0;
};

}  // namespace sse::bench
