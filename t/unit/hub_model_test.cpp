// Random lives of a hub against a reference that is a plain queue for each reader. A failure names its seed and step.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "delivery_fixture.hpp"
#include "reference_reader.hpp"

namespace sse {
namespace {

using reference::kAnyLossIsJustified;
using test::FakeDeadline;

constexpr std::array<std::size_t, 5> kBufferBytes = {300, 2000, 12000, 100000, 0};
constexpr std::array<std::size_t, 6> kMemoryLimits = {0, 0, 0, 3000, 30000, 300000};
constexpr std::array<std::size_t, 4> kBatchLimits = {7, 100, 65536, 1 << 20};
constexpr std::size_t kMaxBurst = 1024 * 1024;
constexpr std::uint64_t kSendTimeoutMs = 2000;
constexpr std::uint64_t kKeepaliveMs = 500;

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }
  bool once_in(std::size_t n) { return below(n) == 0; }

 private:
  std::mt19937_64 random_;
};

// A connection that takes what it likes of what it is offered.
class ModelSink final : public Sink, public GroupPlace {
 public:
  ModelSink(Dice& dice, const std::uint64_t& now_ms, reference::Reader& reference)
      : filters(dice.once_in(3)),
        limit(kBatchLimits[dice.below(kBatchLimits.size())]),
        dice_(dice),
        now_ms_(now_ms),
        reference_(reference) {}

  const bool filters;  // as nginx's filter chain: takes everything, and may hold it
  const std::size_t limit;
  bool takes_all = false;
  bool blocked = false;
  bool failed = false;
  bool was_confirmed = false;
  std::uint64_t last_taken_ms = 0;
  std::optional<CloseReason> ended;
  std::optional<CloseReason> aborted;

  bool is_over() const { return ended || aborted; }

  // There is room again; what was held has left.
  void drain() {
    for (const auto& [segment, data, copy] : held_) {
      EXPECT_EQ(std::string_view(data, copy.size()), copy) << "shared bytes changed";
    }
    held_.clear();
    blocked = false;
  }

  void confirmed() override { was_confirmed = true; }

  SendResult send(const Batch& batch) override {
    EXPECT_FALSE(is_over());
    EXPECT_FALSE(blocked) << "a full connection is to be left alone";
    EXPECT_FALSE(batch.empty());
    EXPECT_LE(batch.bytes(), limit);
    std::size_t accepted = batch.bytes();
    if (!takes_all) {
      failed = dice_.once_in(200);
      blocked = !failed && dice_.once_in(filters ? 3 : 5);
      if (!filters && (failed || (blocked && !dice_.once_in(4)))) {
        accepted = dice_.below(batch.bytes());
      }
    }
    if (accepted != 0) {
      last_taken_ms = now_ms_;
    }
    std::size_t left = accepted;
    for (const Piece& piece : batch) {
      EXPECT_GE(piece.data, piece.segment->data());
      EXPECT_LE(piece.data + piece.size, piece.segment->data() + piece.segment->size());
      EXPECT_LE(piece.due_ms, now_ms_);
      const std::string_view bytes(piece.data, std::min(piece.size, left));
      left -= bytes.size();
      reference_.read(bytes);
      if (blocked && !bytes.empty()) {
        held_.push_back({SegmentRef(piece.segment), piece.data, std::string(bytes)});
      }
    }
    return {accepted, failed ? SendResult::State::failed : blocked ? SendResult::State::blocked : SendResult::State::ready};
  }

  // Now and then it cannot.
  GroupPlace* group_place() override { return filters || dice_.once_in(10) ? nullptr : this; }
  std::size_t batch_limit() const override { return limit; }
  std::optional<std::uint64_t> oldest_in_flight_ms() const override { return std::nullopt; }
  std::size_t in_flight_bytes() const override {
    return std::accumulate(held_.begin(), held_.end(), std::size_t{0},
                           [](std::size_t sum, const Held& held) { return sum + held.segment->capacity(); });
  }

  void end(CloseReason reason) override {
    EXPECT_FALSE(is_over());
    EXPECT_FALSE(blocked);
    EXPECT_TRUE(reference_.is_at_boundary()) << "ended in the middle of a frame";
    ended = reason;
  }

  void abort(CloseReason reason) override {
    EXPECT_FALSE(is_over());
    aborted = reason;
  }

 private:
  struct Held {
    SegmentRef segment;
    const char* data;
    std::string copy;
  };

  Dice& dice_;
  const std::uint64_t& now_ms_;
  reference::Reader& reference_;
  std::vector<Held> held_;
};

struct ModelReader {
  ModelReader(Dice& dice, const std::uint64_t& now_ms, const SubscriberOptions& its_options, ReadOptions its_reading, Framing its_framing,
              const std::vector<reference::Reader::Channel>& channels)
      : options(its_options),
        reading(std::move(its_reading)),
        framing(its_framing),
        reference(framing, channels, options.slow == SlowPolicy::skip),
        sink(dice, now_ms, reference),
        subscriber(sink, options, reading, channels.size()) {}

  bool is_open() const { return subscriber.state() == Subscriber::State::open; }

  SubscriberOptions options;
  ReadOptions reading;
  Framing framing;
  reference::Reader reference;
  ModelSink sink;
  Subscriber subscriber;
  bool finished = false;
  bool finished_open = false;
  bool timed_out = false;
  std::uint64_t clear_ms = 0;  // when it had everything, and its connection room, for the last time
  std::uint64_t room_ms = 0;   // when its connection last got room
};

class ModelGroupSender final : public GroupSender {
 public:
  void send(SendGroup& group) override {
    for (GroupedSend& grouped : group) {
      Batch batch(grouped.piece.size);
      batch.add(grouped.piece);
      grouped.result = static_cast<ModelSink*>(grouped.place)->send(batch);
    }
  }
};

class World final : private FlushScheduler {
 public:
  explicit World(std::uint64_t seed)
      : dice_(seed),
        may_skip_(dice_.once_in(2)),
        buffer_bytes_(kBufferBytes[dice_.below(kBufferBytes.size())]),
        memory_limit_(kMemoryLimits[dice_.below(kMemoryLimits.size())]) {
    hub_.set_memory_limit(memory_limit_);
    if (dice_.once_in(2)) {
      hub_.set_group_sender(&group_sender_);
    }
    for (std::size_t topics = 1 + dice_.below(5); topics > 0; --topics) {
      topics_.push_back(std::make_unique<PubsubTopic>(hub_, TopicKind::channel, "t" + std::to_string(topics)));
    }
  }

  void step() {
    const std::size_t what = dice_.below(100);
    if (dice_.once_in(1000)) {
      burst();
    } else if (what < 35) {
      publish();
    } else if (what < 50) {
      flush(static_cast<int>(dice_.below(20)));
    } else if (what < 58) {
      flush_all();
    } else if (what < 80) {
      make_some_writable();
    } else if (what < 87) {
      join();
    } else if (what < 90) {
      open_some();
    } else if (what < 92) {
      finish_some();
    } else if (what < 93) {
      disconnect_some();
    } else if (what < 96) {
      now_ms_ += dice_.below(400);
    } else if (what < 97) {
      check_timeouts();
    } else {
      bury();
    }
    check();
  }

  // Everybody takes everything: then nothing may be owed to anyone, and nothing be kept.
  void come_to_rest() {
    for (auto& reader : readers_) {
      reader->sink.takes_all = true;
      if (reader->sink.was_confirmed && reader->subscriber.state() == Subscriber::State::opening) {
        open(*reader);
      }
    }
    flush_all();
    for (auto& reader : readers_) {
      if (reader->is_open() && reader->sink.blocked) {
        make_writable(*reader);
      }
    }
    flush_all();
    check();
    for (const auto& reader : readers_) {
      if (reader->is_open()) {
        EXPECT_TRUE(reader->reference.has_everything());
        EXPECT_FALSE(reader->finished);
        reader->reference.expect_losses_justified();
      }
    }
    for (const ChannelLog* log : logs()) {
      EXPECT_EQ(log->bytes(), 0u) << "kept although nobody has yet to read it";
    }
  }

  void leave() {
    while (!readers_.empty()) {
      bury(dice_.below(readers_.size()));
    }
    EXPECT_EQ(hub_.memory().bytes, 0u);
    flush_all();
  }

 private:
  void schedule_flush() override { scheduled_ = scheduled_ || !in_flush_; }

  void join() {
    if (readers_.size() >= 12) {
      return;
    }
    SubscriberOptions options;
    options.slow = may_skip_ && dice_.once_in(2) ? SlowPolicy::skip : SlowPolicy::close;
    options.keepalive_ms = dice_.once_in(2) ? kKeepaliveMs : 0;
    options.send_timeout_ms = dice_.once_in(2) ? kSendTimeoutMs : 0;
    ReadOptions reading;
    reading.encoding.payload = dice_.once_in(4) ? PayloadForm::json : PayloadForm::text;
    reading.buffer_bytes = buffer_bytes_;
    std::set<std::size_t> picked;
    const std::size_t wanted = 1 + dice_.below(5);
    while (picked.size() < std::min(wanted, topics_.size())) {
      picked.insert(dice_.below(topics_.size()));
    }
    std::vector<reference::Reader::Channel> channels;
    for (const std::size_t i : picked) {
      channels.push_back({topics_[i]->name(), memory_limit_ == 0 ? buffer_bytes_ : kAnyLossIsJustified});
    }
    readers_.push_back(
        std::make_unique<ModelReader>(dice_, now_ms_, options, reading, dice_.once_in(2) ? Framing::chunked : Framing::plain, channels));
    ModelReader& reader = *readers_.back();
    std::size_t index = 0;
    for (const std::size_t i : picked) {
      topics_[i]->add(reader.subscriber[index++]);
    }
    if (!dice_.once_in(5)) {
      hub_.admit(reader.subscriber);
    }
  }

  void open_some() {
    for (auto& reader : readers_) {
      if (reader->subscriber.state() == Subscriber::State::waiting && dice_.once_in(2)) {
        hub_.admit(reader->subscriber);
      } else if (reader->sink.was_confirmed && reader->subscriber.state() == Subscriber::State::opening && !dice_.once_in(4)) {
        open(*reader);
      }
    }
  }

  void open(ModelReader& reader) {
    reader.clear_ms = reader.room_ms = reader.sink.last_taken_ms = now_ms_;
    hub_.open(reader.subscriber, reader.framing, now_ms_);
  }

  // In an order that is the same in every run.
  std::vector<ChannelLog*> logs() {
    std::vector<ChannelLog*> logs;
    for (auto& reader : readers_) {
      for (Subscription& subscription : reader->subscriber) {
        if (subscription.log != nullptr && std::find(logs.begin(), logs.end(), subscription.log) == logs.end()) {
          logs.push_back(subscription.log);
        }
      }
    }
    return logs;
  }

  std::string next_frame() {
    const std::string number = std::to_string(100000000 + ++frames_);
    std::string frame = std::string(1, static_cast<char>('A' + frames_ % 26)) + number.substr(1);
    std::size_t size = 1 + dice_.below(200);
    if (dice_.once_in(8)) {
      size = dice_.below(3000);
    } else if (dice_.once_in(60)) {
      size = dice_.below(70000);
    } else if (dice_.once_in(60)) {
      size = buffer_bytes_ + dice_.below(1000);
    }
    const std::size_t smallest = may_skip_ ? reference::Reader::kHeader : 1;
    frame.resize(std::max(size, smallest), static_cast<char>(dice_.below(256)));
    return frame;
  }

  void publish() {
    const std::vector<ChannelLog*> all = logs();
    if (!all.empty()) {
      publish(*all[dice_.below(all.size())], next_frame());
    }
  }

  // More than the bound and what may come between two flushes: even who keeps up is left behind.
  void burst() {
    const std::vector<ChannelLog*> all = logs();
    if (!all.empty()) {
      ChannelLog& log = *all[dice_.below(all.size())];
      for (std::size_t bytes = 0; bytes < buffer_bytes_ + kMaxBurst + 100000;) {
        std::string frame = next_frame();
        frame.resize(60000, '.');
        bytes += frame.size();
        publish(log, std::move(frame));
      }
    }
  }

  void publish(ChannelLog& log, std::string bytes) {
    const auto frame = std::make_shared<const std::string>(std::move(bytes));
    for (auto& reader : readers_) {
      for (std::size_t i = 0; i < reader->subscriber.size(); ++i) {
        if (reader->is_open() && reader->subscriber[i].log == &log) {
          reader->reference.publish(i, frame, now_ms_);
        }
      }
    }
    newest_bytes_[&log] = frame->size();
    std::string_view id = *frame;
    id = dice_.once_in(2) || id.size() < reference::Reader::kHeader ? std::string_view() : id.substr(0, reference::Reader::kHeader);
    hub_.publish(log, *frame, id, now_ms_);
  }

  void make_some_writable() {
    for (auto& reader : readers_) {
      if (reader->is_open() && dice_.once_in(6)) {
        make_writable(*reader);
      }
    }
  }

  void make_writable(ModelReader& reader) {
    reader.sink.drain();
    reader.room_ms = now_ms_;
    hub_.on_writable(reader.subscriber, now_ms_);
  }

  void finish_some() {
    if (readers_.empty()) {
      return;
    }
    ModelReader& reader = *readers_[dice_.below(readers_.size())];
    if (!reader.finished && reader.subscriber.state() != Subscriber::State::closed) {
      reader.finished = true;
      reader.finished_open = reader.is_open();
      reader.reference.finish(reader.sink.blocked);
      hub_.finish(reader.subscriber, CloseReason::drain, reference::Reader::kFarewell, now_ms_);
      if (reader.sink.ended && reader.finished_open) {
        EXPECT_TRUE(!reader.reference.lacks_frames_before_the_end() || reader.reference.is_slow());
      }
    }
  }

  void disconnect_some() {
    if (!readers_.empty()) {
      bury(dice_.below(readers_.size()));
    }
  }

  // Who has ended leaves some time later, not in the order of the ends.
  void bury() {
    for (std::size_t i = readers_.size(); i-- > 0;) {
      if (readers_[i]->sink.is_over() && dice_.once_in(2)) {
        bury(i);
      }
    }
  }

  void bury(std::size_t i) {
    ModelReader& reader = *readers_[i];
    hub_.forget(reader.subscriber);
    for (Subscription& subscription : reader.subscriber) {
      subscription.topic->remove(subscription);
    }
    reader.sink.drain();
    readers_.erase(readers_.begin() + static_cast<std::ptrdiff_t>(i));
  }

  bool flush(int questions) {
    scheduled_ = false;
    in_flush_ = true;
    FakeDeadline deadline(questions);
    scheduled_ = hub_.flush(deadline, now_ms_);
    in_flush_ = false;
    if (memory_limit_ != 0 && !scheduled_) {
      std::size_t leaving = 0;
      for (const auto& reader : readers_) {
        leaving += reader->sink.is_over() ? reader->sink.in_flight_bytes() : 0;
      }
      EXPECT_LE(hub_.memory().bytes, memory_limit_ + leaving);
    }
    return scheduled_;
  }

  void flush_all() {
    for (int slices = 0; flush(50); ++slices) {
      ASSERT_LT(slices, 100000) << "flush does not come to an end";
    }
  }

  void check_timeouts() {
    const std::uint64_t cut_before = hub_.counters().timed_out;
    std::vector<ModelReader*> open;
    for (auto& reader : readers_) {
      if (reader->is_open()) {
        open.push_back(reader.get());
      }
    }
    hub_.check_timeouts(now_ms_);
    std::uint64_t cut = 0;
    for (ModelReader* reader : open) {
      if (reader->sink.aborted) {
        ++cut;
        EXPECT_EQ(*reader->sink.aborted, CloseReason::slow);
        EXPECT_EQ(reader->subscriber.options().send_timeout_ms, kSendTimeoutMs);
        reader->timed_out = true;
      }
      if (reader->subscriber.options().slow == SlowPolicy::skip) {
        continue;  // the reference does not know when its resets became due
      }
      if (reader->sink.aborted) {
        EXPECT_GE(now_ms_ - reader->clear_ms, kSendTimeoutMs);
      } else if (reader->subscriber.options().send_timeout_ms != 0 && reader->sink.blocked) {
        EXPECT_LT(now_ms_ - reader->reference.oldest_due_ms(now_ms_), kSendTimeoutMs);
      }
    }
    EXPECT_EQ(hub_.counters().timed_out - cut_before, cut);
  }

  void check() {
    for (const ChannelLog* log : logs()) {
      log->validate();
      // In any case a log may hold a kilobyte, and its newest frame; until the next flush, also what came in one burst.
      if (buffer_bytes_ != 0) {
        const std::size_t burst = scheduled_ ? kMaxBurst : 0;
        EXPECT_LE(log->bytes(), std::max({buffer_bytes_ + burst, std::size_t{1024}, newest_bytes_[log]}));
      }
    }
    for (auto& reader : readers_) {
      check(*reader);
    }
  }

  void check(ModelReader& reader) {
    const ModelSink& sink = reader.sink;
    if (reader.is_open() && !sink.blocked) {
      if (!scheduled_) {
        reader.reference.had_room();
      }
      if (reader.reference.has_everything()) {
        reader.clear_ms = now_ms_;
      } else {
        EXPECT_TRUE(scheduled_) << "nobody will write what is due";
      }
      if (!scheduled_ && reader.subscriber.options().keepalive_ms != 0) {
        EXPECT_LE(hub_.next_keepalive_ms(), std::max(sink.last_taken_ms, reader.room_ms) + kKeepaliveMs);
      }
    }
    EXPECT_EQ(reader.subscriber.events_sent(), reader.reference.log_frames());
    EXPECT_EQ(sink.is_over(), reader.subscriber.state() == Subscriber::State::closed);
    if (sink.ended) {
      if (*sink.ended == CloseReason::drain) {
        EXPECT_TRUE(reader.finished);
        EXPECT_EQ(reader.reference.got_farewell(), reader.finished_open);
      } else {
        EXPECT_EQ(*sink.ended, CloseReason::slow);
        EXPECT_TRUE(reader.reference.is_slow()) << "ended although it kept up";
      }
    }
    if (sink.aborted == CloseReason::client) {
      EXPECT_TRUE(sink.failed);
    } else if (sink.aborted) {
      EXPECT_EQ(*sink.aborted, CloseReason::slow);
      EXPECT_TRUE(reader.timed_out || reader.reference.is_slow()) << "cut although it kept up";
    }
  }

  Dice dice_;
  const bool may_skip_;
  const std::size_t buffer_bytes_;
  const std::size_t memory_limit_;
  std::uint64_t now_ms_ = 1000;
  ModelGroupSender group_sender_;
  Hub hub_{*this};
  std::vector<std::unique_ptr<PubsubTopic>> topics_;
  std::vector<std::unique_ptr<ModelReader>> readers_;
  std::uint64_t frames_ = 0;
  std::map<const ChannelLog*, std::size_t> newest_bytes_;
  bool scheduled_ = false;
  bool in_flush_ = false;
};

class HubModel : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(HubModel, EveryReaderGetsWhatTheReferenceSays) {
  World world(GetParam());
  for (int step = 0; step < 4000; ++step) {
    SCOPED_TRACE("step " + std::to_string(step));
    world.step();
    if (HasFailure()) {
      return;
    }
  }
  world.come_to_rest();
  world.leave();
}

INSTANTIATE_TEST_SUITE_P(Seed, HubModel, ::testing::Range<std::uint64_t>(0, 64));

}  // namespace
}  // namespace sse
