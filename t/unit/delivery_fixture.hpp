// A hub with topics and readers, for tests of delivery: time and connections are the test's.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "fake_sink.hpp"
#include "frame.hpp"
#include "hub.hpp"
#include "pubsub_topic.hpp"

namespace sse::test {

struct FakeScheduler final : FlushScheduler {
  void schedule_flush() override { ++calls; }
  int calls = 0;
};

// Over at the n-th question.
struct FakeDeadline final : Deadline {
  explicit FakeDeadline(int asked_before_over) : left(asked_before_over) {}
  bool is_over() override { return left-- <= 0; }
  int left;
};

// Frames that a reader gets.
inline std::string text_event(std::string_view payload) { return "data: " + std::string(payload) + "\n\n"; }
inline std::string chunk(std::string_view bytes) {
  std::string out;
  append_chunk(out, bytes);
  return out;
}
inline std::string slow_reset(std::string_view channel) { return reset_block("reset", "slow", channel); }
inline constexpr std::string_view kKeepaliveFrame = ": keepalive\n\n";

struct ReaderOptions {
  SubscriberOptions subscriber;
  ReadOptions reading;
  Framing framing = Framing::plain;
};

// A subscriber and its connection. Leaves when destroyed.
struct Reader {
  Reader(Hub& its_hub, const ReaderOptions& its_options, std::initializer_list<PubsubTopic*> topics)
      : hub(its_hub), options(its_options), subscriber(sink, options.subscriber, options.reading, topics.size()) {
    std::size_t i = 0;
    for (PubsubTopic* topic : topics) {
      topic->add(subscriber[i++]);
    }
  }
  ~Reader() { leave(); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  void leave() {
    hub.forget(subscriber);
    for (Subscription& subscription : subscriber) {
      if (subscription.topic != nullptr) {
        subscription.topic->remove(subscription);
      }
    }
  }

  ChannelLog& log(std::size_t i = 0) { return *subscriber[i].log; }

  Hub& hub;
  ReaderOptions options;
  FakeSink sink;
  Subscriber subscriber;
};

class DeliveryTest : public ::testing::Test {
 protected:
  PubsubTopic& topic(const std::string& name) {
    std::unique_ptr<PubsubTopic>& topic = topics_[name];
    if (topic == nullptr) {
      topic = std::make_unique<PubsubTopic>(hub_, TopicKind::channel, name);
    }
    return *topic;
  }

  std::unique_ptr<Reader> waiting_reader(std::initializer_list<PubsubTopic*> topics, const ReaderOptions& options = {}) {
    auto reader = std::make_unique<Reader>(hub_, options, topics);
    reader->sink.when_confirmed = [this, reader = reader.get()] { hub_.open(reader->subscriber, reader->options.framing, now_ms_); };
    return reader;
  }

  std::unique_ptr<Reader> open_reader(std::initializer_list<PubsubTopic*> topics, const ReaderOptions& options = {}) {
    auto reader = waiting_reader(topics, options);
    hub_.admit(reader->subscriber);
    flush();
    return reader;
  }

  void publish(PubsubTopic& topic, std::string_view payload) { topic.deliver(topic.name(), payload, now_ms_); }

  void flush() {
    FakeDeadline never(1 << 30);
    EXPECT_FALSE(hub_.flush(never, now_ms_));
  }

  void make_writable(Reader& reader, std::size_t room = SIZE_MAX) {
    reader.sink.room = room;
    hub_.on_writable(reader.subscriber, now_ms_);
  }

  std::uint64_t now_ms_ = 1000;
  FakeScheduler scheduler_;
  Hub hub_{scheduler_};
  std::map<std::string, std::unique_ptr<PubsubTopic>> topics_;
};

}  // namespace sse::test
