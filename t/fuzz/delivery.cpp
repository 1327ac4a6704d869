// A life of a hub as the input says, against a reference that is a plain queue for each reader. The tests' HubModel throws dice for more of
// the same; here the fuzzer looks for the order of calls.
#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "delivery_fixture.hpp"
#include "gtest_findings.hpp"
#include "input.hpp"
#include "reference_reader.hpp"
#include "require.hpp"
#include "room_sink.hpp"

using namespace sse;

namespace {

constexpr std::size_t kTopics = 3;
constexpr std::size_t kMaxReaders = 5;
constexpr std::uint64_t kSendTimeoutMs = 2000;
constexpr std::uint64_t kKeepaliveMs = 500;

struct Stream {
  Stream(const SubscriberOptions& its_options, const ReadOptions& its_reading, Framing its_framing, std::size_t limit_bytes,
         const std::vector<reference::Reader::Channel>& channels)
      : options(its_options),
        reading(its_reading),
        framing(its_framing),
        reference(framing, channels, options.slow == SlowPolicy::skip),
        sink(reference, limit_bytes),
        subscriber(sink, options, reading, channels.size()) {}

  bool is_open() const { return subscriber.state() == Subscriber::State::open; }

  SubscriberOptions options;
  ReadOptions reading;
  Framing framing;
  reference::Reader reference;
  fuzz::RoomSink sink;
  Subscriber subscriber;
  bool finished = false;
  bool timed_out = false;
};

class World final : private FlushScheduler {
 public:
  explicit World(fuzz::Input& input) : input_(input) {
    constexpr std::array<std::size_t, 4> kBufferBytes = {0, 300, 2000, 12000};
    constexpr std::array<std::size_t, 3> kMemoryLimits = {0, 2500, 25000};
    const std::size_t choice = input_.below(kBufferBytes.size() * kMemoryLimits.size());
    buffer_bytes_ = kBufferBytes[choice % kBufferBytes.size()];
    memory_limit_ = kMemoryLimits[choice / kBufferBytes.size()];
    hub_.set_memory_limit(memory_limit_);
    if (input_.byte() % 2 != 0) {
      hub_.set_group_sender(&group_sender_);
    }
    for (std::size_t i = 0; i < kTopics; ++i) {
      topics_.push_back(std::make_unique<PubsubTopic>(hub_, TopicKind::channel, "t" + std::to_string(i)));
    }
  }

  void step() {
    switch (input_.below(8)) {
      case 0:
        join();
        break;
      case 1:
        open_all();
        break;
      case 2:
      case 3:
        publish();
        break;
      case 4:
        flush(static_cast<int>(input_.below(8)));
        break;
      case 5:
        with_one([this](Stream& stream) { give_room(stream, input_.below(32) == 31 ? SIZE_MAX : input_.byte() * std::size_t{8}); });
        break;
      case 6:
        now_ms_ += input_.byte() * std::uint64_t{10};
        check_timeouts();
        break;
      default:
        with_one([this](Stream& stream) { input_.coin() ? finish(stream) : leave(stream); });
    }
    check();
  }

  // Everybody takes everything: then nothing is owed to anyone, and nothing is kept.
  void come_to_rest() {
    flush_all();
    open_all();
    for (const auto& stream : streams_) {
      give_room(*stream, SIZE_MAX);
    }
    flush_all();
    check();
    for (const auto& stream : streams_) {
      fuzz::require(!stream->is_open() || stream->reference.has_everything(), "a reader with room has everything");
      stream->reference.expect_losses_justified();
    }
    while (!streams_.empty()) {
      leave(*streams_.front());
    }
    fuzz::require(hub_.memory().bytes == 0, "no memory is left");
  }

 private:
  void schedule_flush() override { scheduled_ = scheduled_ || !in_flush_; }

  template <class Function>
  void with_one(Function function) {
    if (!streams_.empty()) {
      function(*streams_[input_.below(streams_.size())]);
    }
  }

  void join() {
    if (streams_.size() == kMaxReaders) {
      return;
    }
    const std::size_t choice = input_.byte();
    SubscriberOptions options;
    options.slow = (choice & 1U) != 0 ? SlowPolicy::skip : SlowPolicy::close;
    options.keepalive_ms = (choice & 2U) != 0 ? kKeepaliveMs : 0;
    options.send_timeout_ms = (choice & 4U) != 0 ? kSendTimeoutMs : 0;
    ReadOptions reading;
    reading.buffer_bytes = buffer_bytes_;
    std::vector<reference::Reader::Channel> channels;
    const std::size_t count = 1 + input_.below(kTopics);
    for (std::size_t i = 0; i < count; ++i) {
      channels.push_back({topics_[i]->name(), memory_limit_ == 0 ? buffer_bytes_ : reference::kAnyLossIsJustified});
    }
    const Framing framing = (choice & 8U) != 0 ? Framing::chunked : Framing::plain;
    Stream& stream = *streams_.emplace_back(
        std::make_unique<Stream>(options, reading, framing, (choice & 16U) != 0 ? std::size_t{50} : std::size_t{65536}, channels));
    for (std::size_t i = 0; i < count; ++i) {
      topics_[i]->add(stream.subscriber[i]);
    }
    hub_.admit(stream.subscriber);
  }

  void open_all() {
    for (const auto& stream : streams_) {
      if (stream->sink.was_confirmed && stream->subscriber.state() == Subscriber::State::opening) {
        hub_.open(stream->subscriber, stream->framing, now_ms_);
      }
    }
  }

  // Into every log of one topic, which differ in their framing: the frame is made of bytes that no framing has.
  void publish() {
    const std::size_t topic = input_.below(kTopics);
    const std::size_t size = reference::Reader::kHeader + input_.byte() * (input_.coin() ? std::size_t{1} : std::size_t{50});
    std::string bytes = "A" + std::to_string(10000000 + ++frames_);
    bytes.resize(size, static_cast<char>('a' + frames_ % 26));
    const auto frame = std::make_shared<const std::string>(std::move(bytes));
    std::vector<ChannelLog*> logs;
    for (const auto& stream : streams_) {
      if (!stream->is_open() || stream->subscriber.size() <= topic) {
        continue;
      }
      stream->reference.publish(topic, frame, now_ms_);
      ChannelLog* log = stream->subscriber[topic].log;
      if (std::find(logs.begin(), logs.end(), log) == logs.end()) {
        logs.push_back(log);
      }
    }
    for (ChannelLog* log : logs) {
      hub_.publish(*log, *frame, {}, now_ms_);
    }
  }

  void give_room(Stream& stream, std::size_t bytes) {
    stream.sink.room = bytes;
    if (bytes != 0) {
      stream.sink.blocked = false;
      hub_.on_writable(stream.subscriber, now_ms_);
    }
  }

  void check_timeouts() {
    std::vector<Stream*> open;
    for (const auto& stream : streams_) {
      if (stream->is_open()) {
        open.push_back(stream.get());
      }
    }
    hub_.check_timeouts(now_ms_);
    for (Stream* stream : open) {
      const SubscriberOptions& options = stream->subscriber.options();
      stream->timed_out = stream->sink.aborted.has_value();
      fuzz::require(!stream->timed_out || (options.send_timeout_ms != 0 && stream->sink.blocked), "only a full connection times out");
      // The reference does not know when the hub's own frames became due.
      if (options.slow == SlowPolicy::close && options.keepalive_ms == 0 && options.send_timeout_ms != 0 && !stream->finished) {
        const bool is_late = stream->sink.blocked && now_ms_ - stream->reference.oldest_due_ms(now_ms_) >= kSendTimeoutMs;
        fuzz::require(stream->timed_out == is_late, "who takes no byte in time is cut");
      }
    }
  }

  void finish(Stream& stream) {
    if (!stream.finished && stream.subscriber.state() != Subscriber::State::closed) {
      stream.finished = true;
      stream.reference.finish(stream.sink.blocked);
      hub_.finish(stream.subscriber, CloseReason::drain, reference::Reader::kFarewell, now_ms_);
    }
  }

  void leave(Stream& stream) {
    hub_.forget(stream.subscriber);
    for (Subscription& subscription : stream.subscriber) {
      subscription.topic->remove(subscription);
    }
    streams_.erase(std::find_if(streams_.begin(), streams_.end(), [&stream](const auto& one) { return one.get() == &stream; }));
  }

  void flush(int questions) {
    in_flush_ = true;
    test::FakeDeadline deadline(questions);
    scheduled_ = hub_.flush(deadline, now_ms_);
    in_flush_ = false;
    fuzz::require(memory_limit_ == 0 || scheduled_ || hub_.memory().bytes <= memory_limit_, "memory is within its limit after a flush");
  }

  void flush_all() {
    for (int slices = 0; slices == 0 || scheduled_; ++slices) {
      fuzz::require(slices < 10000, "flush comes to an end");
      flush(50);
    }
  }

  void check() {
    for (const auto& held : streams_) {
      Stream& stream = *held;
      const bool is_over = stream.sink.ended || stream.sink.aborted;
      fuzz::require(is_over == (stream.subscriber.state() == Subscriber::State::closed), "a closed stream was ended or cut");
      fuzz::require(stream.subscriber.events_sent() == stream.reference.log_frames(), "sent events are counted");
      const bool is_slow_end = (stream.sink.ended && *stream.sink.ended == CloseReason::slow) || stream.sink.aborted == CloseReason::slow;
      fuzz::require(!is_slow_end || stream.timed_out || stream.reference.is_slow(), "who keeps up is not closed as slow");
      for (Subscription& subscription : stream.subscriber) {
        if (stream.is_open() && subscription.log != nullptr) {
          subscription.log->validate();
        }
      }
      if (stream.is_open() && !stream.sink.blocked && !scheduled_) {
        stream.reference.had_room();
        fuzz::require(stream.reference.has_everything(), "what is due is written, or will be");
      }
    }
  }

  fuzz::Input& input_;
  std::size_t buffer_bytes_ = 0;
  std::size_t memory_limit_ = 0;
  std::uint64_t now_ms_ = 1000;
  fuzz::RoomSender group_sender_;
  Hub hub_{*this};
  std::vector<std::unique_ptr<PubsubTopic>> topics_;
  std::vector<std::unique_ptr<Stream>> streams_;
  std::uint64_t frames_ = 0;
  bool scheduled_ = false;
  bool in_flush_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  fuzz::abort_on_failure();
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  World world(input);
  while (!input.empty()) {
    world.step();
  }
  world.come_to_rest();
  return 0;
}
