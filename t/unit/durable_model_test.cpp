// Random lives of durable channels: whatever happens, each client gets the entries of each stream in order, without gap or repeat, unless
// it was told of a reset before. Where nothing was lost, there is none. A failure names its seed and step.
//
// The reference knows of each entry which one was added before it in its history: from what a client was given last, an entry is the next
// if all between them were withdrawn by XDEL. Clients know nothing but what they dispatched: they come back with their last event id.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "durable_world.hpp"
#include "reference_cursor.hpp"
#include "reference_event_stream.hpp"

namespace sse {
namespace {

using test::DurableReader;
using test::DurableWorld;
using test::FakeDeadline;
using test::FakeStreamServer;
using test::ReaderChoice;

constexpr std::array<const char*, 3> kKeys = {"orders", "news", "prices"};
constexpr std::array<std::size_t, 4> kBufferBytes = {300, 2000, 20000, 0};
constexpr std::array<const char*, 4> kRefusals = {"LOADING Redis is loading", "WRONGTYPE Operation against a key", "NOPERM no permission",
                                                  "READONLY You can't write"};
constexpr std::size_t kLeastKept = 16;  // entries, that a lane's reply proves what it says
constexpr int kNone = -1;

// What may happen to the streams of a life.
struct Fates {
  bool trims = false;
  bool withdrawals = false;
  bool forks = false;
};

class Random {
 public:
  explicit Random(std::uint64_t seed) : random_(seed) {}
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }
  bool once_in(std::size_t n) { return below(n) == 0; }

 private:
  std::mt19937_64 random_;
};

// Every entry that was ever added, and what the server has of them.
class Histories {
 public:
  struct Entry {
    std::string key;
    StreamId id;
    int before;  // the one that was added before it; kNone: it was the first
    bool is_withdrawn = false;
  };

  Histories(Random& random, FakeStreamServer& server, bool may_be_adjacent)
      : random_(random), server_(server), may_be_adjacent_(may_be_adjacent) {}

  const Entry& operator[](int entry) const { return entries_[static_cast<std::size_t>(entry)]; }
  // Which entry ever had this id; kNone: it is a position only.
  int with_id(const std::string& key, StreamId id) const {
    const auto found = by_id_.find({key, id});
    return found == by_id_.end() ? kNone : found->second;
  }
  int newest(const std::string& key) const {
    const auto found = newest_.find(key);
    return found == newest_.end() ? kNone : found->second;
  }
  // Not of the history that the server has now.
  bool is_lost(int entry) const {
    const auto stream = server_.streams.find((*this)[entry].key);
    return stream == server_.streams.end() || !stream->second.model.has_held((*this)[entry].id);
  }
  std::size_t losses(const std::string& key) const {
    const auto found = losses_.find(key);
    return found == losses_.end() ? 0 : found->second;
  }

  void add(const std::string& key) {
    const StreamId id = new_id(key);
    const int number = static_cast<int>(entries_.size());
    entries_.push_back({key, id, newest(key)});
    by_id_[{key, id}] = number;
    newest_[key] = number;
    server_.streams[key].add(id, std::to_string(number) + ":" + std::string(random_.below(120), 'x'));
  }

  void trim(const std::string& key) {
    if (const auto stream = server_.streams.find(key); stream != server_.streams.end()) {
      stream->second.model.trim_to(kLeastKept + random_.below(20));
      ++losses_[key];
    }
  }

  void withdraw(const std::string& key) {
    const auto stream = server_.streams.find(key);
    int entry = newest(key);
    for (std::size_t i = random_.below(12); i > 0 && entry != kNone; --i) {
      entry = (*this)[entry].before;
    }
    if (entry != kNone) {
      stream->second.model.withdraw((*this)[entry].id);
      entries_[static_cast<std::size_t>(entry)].is_withdrawn = true;
      ++losses_[key];
    }
  }

  // The key is deleted, or the server goes back to an earlier state of it.
  void fork(const std::string& key) {
    const auto saved = saved_.find(key);
    is_clock_back_ = random_.once_in(2);
    ++losses_[key];
    if (saved == saved_.end()) {
      server_.streams.erase(key);
      newest_.erase(key);
    } else {
      server_.streams[key] = saved->second.first;
      newest_[key] = saved->second.second;
      saved_.erase(saved);
    }
  }
  void save(const std::string& key) {
    if (newest(key) != kNone) {
      saved_[key] = {server_.streams[key], newest(key)};
    }
  }

 private:
  // No id is given twice.
  StreamId new_id(const std::string& key) {
    const int last = newest(key);
    StreamId id = last == kNone ? StreamId{1000, 0} : (*this)[last].id;
    if (!is_clock_back_) {
      for (const Entry& entry : entries_) {
        id = entry.key == key ? std::max(id, entry.id) : id;
      }
    }
    const std::uint64_t step = may_be_adjacent_ ? 1 + random_.below(2) : 2;
    id = random_.once_in(2) ? StreamId{id.ms, id.seq + step} : StreamId{id.ms + 1 + random_.below(5), 0};
    while (by_id_.count({key, id}) != 0) {
      id.seq += 2;
    }
    return id;
  }

  Random& random_;
  FakeStreamServer& server_;
  const bool may_be_adjacent_;
  std::vector<Entry> entries_;
  std::map<std::pair<std::string, StreamId>, int> by_id_;
  std::map<std::string, int> newest_;
  std::map<std::string, std::size_t> losses_;
  std::map<std::string, std::pair<FakeStreamServer::Stream, int>> saved_;
  bool is_clock_back_ = false;
};

struct Tally {
  std::size_t entries = 0;
  std::size_t returns = 0;  // of clients with a cursor
  std::map<std::string, std::size_t> resets;
  std::size_t replayed = 0;
  std::size_t parked = 0;
  std::size_t cuts = 0;
  std::size_t refusals = 0;
};

std::vector<std::string> some_channels(Random& random) {
  std::vector<std::string> channels(kKeys.begin(), kKeys.end());
  const std::size_t first = random.below(channels.size());
  std::rotate(channels.begin(), channels.begin() + static_cast<std::ptrdiff_t>(first), channels.end());
  channels.resize(random.once_in(2) ? 1 : 1 + random.below(channels.size()));
  return channels;
}

// What an EventSource does and knows, and what it ought to get.
class ModelClient {
 public:
  ModelClient(Random& random, const Histories& histories, Tally& tally)
      : channels_(some_channels(random)), random_(random), histories_(histories), tally_(tally), states_(channels_.size()) {
    choice_.framing = random.once_in(2) ? Framing::chunked : Framing::plain;
    choice_.durable.max_replay = 0;
    choice_.durable.start = std::array{Start::live, Start::oldest, Start::last}[random.below(3)];
    choice_.durable.last = choice_.durable.start == Start::last ? 1 + random.below(random.once_in(2) ? 5 : 50) : 0;
  }

  DurableReader* reader() { return reader_.get(); }
  bool has_gone() const { return reader_ == nullptr || reader_->sink.aborted || reader_->sink.ended; }

  void come(DurableWorld& world, std::size_t buffer_bytes) {
    tally_.returns += last_event_id_.empty() ? 0 : 1;
    choice_.buffer_bytes = buffer_bytes;
    for (State& state : states_) {
      state.is_new = !state.position;
    }
    parser_ = {};
    parser_.last_event_id = last_event_id_;
    seen_ = 0;
    reader_.reset();
    reader_ = world.reader(channels_, choice_, last_event_id_);
    reader_->sink.limit_bytes = std::array<std::size_t, 3>{50, 1000, 100000}[random_.below(3)];
    reader_->sink.room = random_.once_in(3) ? random_.below(500) : SIZE_MAX;
  }
  void leave() {
    read();
    reader_.reset();
  }

  // All that has come, each event as soon as it is whole.
  void read() {
    if (reader_ == nullptr || ::testing::Test::HasFailure()) {
      return;
    }
    for (const char byte : reader_->take()) {
      parser_.read({&byte, 1});
      if (byte != '\n') {
        continue;
      }
      if (parser_.events.size() > seen_) {
        on_event(parser_.events[seen_++]);
      } else if (parser_.last_event_id != last_event_id_) {
        on_position();
      }
      last_event_id_ = parser_.last_event_id;
    }
  }

  // Everything was given that there is.
  void check_end() {
    EXPECT_FALSE(has_gone());
    EXPECT_TRUE(reader_->is_open());
    for (std::size_t i = 0; i < channels_.size(); ++i) {
      ASSERT_TRUE(states_[i].position) << channels_[i] << ": was never told where it is";
      EXPECT_EQ(gap(states_[i], histories_.newest(channels_[i])), "") << channels_[i] << ", at the end, " << place(i);
    }
  }

 private:
  struct State {
    std::optional<StreamId> position;
    int entry = kNone;  // at the position
    std::size_t resets = 0;
    bool is_new = false;  // the connection was opened without it
  };
  using Positions = std::map<std::string, StreamId>;

  std::string place(std::size_t i) const {
    return "stands at " + (states_[i].position ? to_string(*states_[i].position) : std::string("nothing"));
  }

  // Why the state does not continue with what comes after `entry`; empty: it does.
  std::string gap(const State& state, int entry, bool may_be_lost = false) const {
    for (;; entry = histories_[entry].before) {
      if (state.entry != kNone ? entry == state.entry : entry == kNone || histories_[entry].id <= *state.position) {
        return {};
      }
      if (entry == kNone) {
        return "what it was given is not of this history";
      }
      if (!histories_[entry].is_withdrawn && !(may_be_lost && histories_.is_lost(entry))) {
        return "entry " + to_string(histories_[entry].id) + " is missing";
      }
    }
  }

  Positions positions(const std::string& id) const {
    Positions result;
    if (channels_.size() == 1) {
      result[channels_[0]] = parse_stream_id(id).value();
      return result;
    }
    for (const std::string& part : reference::split_cursor(id)) {
      for (const std::string& channel : channels_) {
        if (part.compare(0, 4, reference::tag(channel)) == 0) {
          const std::size_t lengths = reference::kDigits.find(part[4]);
          const std::size_t ms_size = std::array<std::size_t, 8>{0, 1, 2, 3, 4, 5, 7, 11}[lengths / 8];
          result[channel] = {number(part.substr(5, ms_size)), number(part.substr(5 + ms_size))};
        }
      }
    }
    return result;
  }
  static std::uint64_t number(const std::string& text) {
    std::uint64_t value = 0;
    for (const char digit : text) {
      value = value * 64 + reference::kDigits.find(digit);
    }
    return value;
  }

  void move_to(std::size_t i, StreamId position) {
    State& state = states_[i];
    state.position = position;
    state.entry = histories_.with_id(channels_[i], position);
  }

  // The id tells of all channels what the client knows; of those that it does not know, it may tell. It may have passed what is not there
  // any more, but was not trimmed: withdrawn, or of a history that is gone, and of which a reset will tell.
  void check_others(const std::string& id, std::size_t but) {
    const Positions told = positions(id);
    for (std::size_t i = 0; i < channels_.size(); ++i) {
      const auto found = told.find(channels_[i]);
      if (found != told.end() && (!states_[i].position || has_passed(states_[i], i, found->second))) {
        move_to(i, found->second);
      } else if (i != but && states_[i].position) {
        EXPECT_EQ(found == told.end() ? "nothing" : to_string(found->second), to_string(*states_[i].position))
            << "id " << id << " of " << channels_[i];
      }
    }
  }

  bool has_passed(const State& state, std::size_t i, StreamId position) const {
    const int entry = histories_.with_id(channels_[i], position);
    return position > *state.position && entry != kNone && gap(state, entry, true).empty();
  }

  void on_position() { check_others(parser_.last_event_id, SIZE_MAX); }

  std::size_t index_of(const std::string& channel) const {
    return static_cast<std::size_t>(std::find(channels_.begin(), channels_.end(), channel) - channels_.begin());
  }

  void on_event(const reference::Dispatched& event) {
    if (event.type == "reset") {
      on_reset(event);
      return;
    }
    ++tally_.entries;
    const int entry = std::stoi(event.data);
    const std::size_t i = index_of(histories_[entry].key);
    ASSERT_LT(i, channels_.size());
    ASSERT_TRUE(states_[i].position) << "an event before it was told where it is";
    EXPECT_EQ(gap(states_[i], histories_[entry].before), "")
        << channels_[i] << ": " << place(i) << ", and is given " << to_string(histories_[entry].id);
    move_to(i, histories_[entry].id);
    check_others(event.last_event_id, SIZE_MAX);
  }

  void on_reset(const reference::Dispatched& event) {
    const std::string reason = DurableReader::member(event.data, "reason");
    const std::size_t i = index_of(DurableReader::member(event.data, "channel"));
    ++tally_.resets[reason];
    ASSERT_LT(i, channels_.size());
    const Positions told = positions(event.last_event_id);
    ASSERT_EQ(told.count(channels_[i]), 1u) << "a reset without its id";
    if (reason == "broker-away") {
      EXPECT_TRUE(std::exchange(states_[i].is_new, false)) << "it had a cursor";
    } else {
      EXPECT_LE(++states_[i].resets, histories_.losses(channels_[i])) << channels_[i] << ": " << reason << " without a cause";
    }
    move_to(i, told.at(channels_[i]));
    check_others(event.last_event_id, i);
  }

  std::vector<std::string> channels_;
  ReaderChoice choice_;
  Random& random_;
  const Histories& histories_;
  Tally& tally_;
  std::vector<State> states_;
  std::unique_ptr<DurableReader> reader_;
  reference::Client parser_;
  std::size_t seen_ = 0;
  std::string last_event_id_;
};

class Life {
 public:
  Life(std::uint64_t seed, const Fates& fates, Tally& tally)
      : random_(seed),
        fates_(fates),
        tally_(tally),
        histories_(random_, server_, !fates.forks),
        buffer_bytes_(kBufferBytes[random_.below(kBufferBytes.size())]) {
    for (auto& worker : workers_) {
      // One life in four asks for one thing after the other.
      worker = std::make_unique<DurableWorld>(server_, seed % 4 == 0 ? 1 : QueryPace::kMostBytes);
      worker->connect();
    }
    for (std::size_t i = 1 + random_.below(6); i > 0; --i) {
      clients_.push_back(std::make_unique<ModelClient>(random_, histories_, tally_));
    }
    for (std::size_t i = random_.below(40); i > 0; --i) {
      histories_.add(key());
    }
  }
  ~Life() { clients_.clear(); }

  void live(int steps) {
    for (int i = 0; i < steps && !::testing::Test::HasFailure(); ++i) {
      SCOPED_TRACE("step " + std::to_string(i));
      step();
      for (const auto& client : clients_) {
        client->read();
      }
    }
    if (!::testing::Test::HasFailure()) {
      SCOPED_TRACE("at the end");
      settle();
    }
    for (const auto& worker : workers_) {
      tally_.replayed += worker->hub.counters().entries_replayed;
    }
  }

 private:
  std::string key() { return kKeys[random_.below(kKeys.size())]; }
  DurableWorld& worker() { return *workers_[random_.below(workers_.size())]; }
  ModelClient& client() { return *clients_[random_.below(clients_.size())]; }
  std::size_t some_bytes() { return random_.once_in(2) ? SIZE_MAX : random_.below(400); }

  void step() {
    switch (random_.below(20)) {
      case 0:
      case 1:
        histories_.add(key());
        break;
      case 2:
        for (std::size_t i = random_.below(30); i > 0; --i) {
          histories_.add(random_.once_in(2) ? kKeys[0] : key());
        }
        break;
      case 3:
        worker().ring(key());
        break;
      case 4:
        read_lane();
        break;
      case 5:
        tell_lane();
        break;
      case 6:
      case 7:
        worker().to_server(some_bytes());
        break;
      case 8:
      case 9:
        worker().to_session(some_bytes());
        break;
      case 10:
      case 11: {
        FakeDeadline deadline(static_cast<int>(random_.below(20)));
        DurableWorld& one = worker();
        one.hub.flush(deadline, one.now_ms);
        break;
      }
      case 12:
      case 13:
      case 14:
        come_or_go(client());
        break;
      case 15:
        if (ModelClient& one = client(); !one.has_gone()) {
          one.reader()->make_writable(random_.once_in(2) ? SIZE_MAX : random_.below(600));
        }
        break;
      case 16:
        if (ModelClient& one = client(); !one.has_gone()) {
          one.reader()->sink.room = random_.below(300);
        }
        break;
      case 17:
        if (random_.once_in(3)) {
          lose(key());
        } else {
          worker().exchange();
        }
        break;
      case 18:
        for (const auto& one : workers_) {
          one->now_ms += random_.once_in(3) ? 400 : 3;
        }
        break;
      default:
        trouble();
    }
  }

  void come_or_go(ModelClient& one) {
    if (one.has_gone()) {
      one.leave();
      one.come(worker(), buffer_bytes_);
    } else if (random_.once_in(3)) {
      one.leave();
    } else if (random_.once_in(4)) {
      one.reader()->stop_waiting();
    }
    if (!one.has_gone() && one.reader()->is_open() && one.reader()->phase() == DurableReading::Phase::parked) {
      ++tally_.parked;
    }
  }

  void read_lane() {
    DurableWorld& one = worker();
    lane_replies_.emplace_back(&one, one.read_lane(key()));
    // A lane's reply does not tell of a fork.
    lane_replies_.back().second.is_whole = lane_replies_.back().second.is_whole && !fates_.forks;
  }
  void tell_lane() {
    if (!lane_replies_.empty()) {
      lane_replies_.front().first->tell(lane_replies_.front().second);
      lane_replies_.erase(lane_replies_.begin());
    }
  }

  void lose(const std::string& key) {
    if (fates_.trims) {
      histories_.trim(key);
    }
    if (fates_.withdrawals) {
      histories_.withdraw(key);
    }
    if (fates_.forks) {
      random_.once_in(2) ? histories_.save(key) : histories_.fork(key);
    }
  }

  void trouble() {
    DurableWorld& one = worker();
    switch (random_.below(5)) {
      case 0:
        one.cut();
        ++tally_.cuts;
        break;
      case 1:
        server_.refusals[key()] = kRefusals[random_.below(kRefusals.size())];
        ++tally_.refusals;
        break;
      case 2:
        server_.refusals.clear();
        break;
      case 3:
        if (random_.once_in(5)) {
          one.pass(31'000);
        } else {
          one.pass(500);
        }
        break;
      default:
        one.connect();
    }
  }

  void settle() {
    server_.refusals.clear();
    for (const auto& one : workers_) {
      one->connect();
    }
    for (const auto& one : clients_) {
      if (one->has_gone()) {
        one->leave();
        one->come(worker(), buffer_bytes_);
      }
      one->reader()->make_writable();
    }
    for (const auto& one : workers_) {
      one->exchange();
      one->pass(32'000);
    }
    for (const auto& one : clients_) {
      one->reader()->make_writable();
      one->read();
      one->check_end();
    }
  }

  Random random_;
  const Fates fates_;
  Tally& tally_;
  FakeStreamServer server_;
  Histories histories_;
  const std::size_t buffer_bytes_;
  std::array<std::unique_ptr<DurableWorld>, 2> workers_;
  std::vector<std::pair<DurableWorld*, DurableWorld::LaneReply>> lane_replies_;
  std::vector<std::unique_ptr<ModelClient>> clients_;
};

Tally live(const Fates& fates) {
  constexpr std::uint64_t kLives = 40;
  Tally tally;
  for (std::uint64_t seed = 1; seed <= kLives; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Life(seed, fates, tally).live(400);
    if (::testing::Test::HasFailure()) {
      return tally;
    }
  }
  EXPECT_GT(tally.entries, 50 * kLives);
  EXPECT_GT(tally.returns, 5 * kLives);
  EXPECT_GT(tally.replayed, 5 * kLives);
  EXPECT_GT(tally.parked, kLives);
  EXPECT_GT(tally.cuts, kLives);
  EXPECT_GT(tally.refusals, kLives);
  return tally;
}

TEST(DurableModelTest, WhereNothingIsLostAllComesOnceAndNoResetDoes) {
  Tally tally = live({});
  EXPECT_GT(tally.resets["broker-away"], 5u);
  EXPECT_EQ(tally.resets.size(), 1u);
}

TEST(DurableModelTest, NothingIsTrimmedAwayInSilence) {
  Fates fates;
  fates.trims = true;
  EXPECT_GT(live(fates).resets["trimmed"], 20u);
}

TEST(DurableModelTest, WhatIsWithdrawnIsAllThatIsMissing) {
  Fates fates;
  fates.withdrawals = true;
  live(fates);
}

TEST(DurableModelTest, WhoseHistoryIsGoneIsToldAndGoesOnInTheOther) {
  Fates fates;
  fates.forks = true;
  Tally tally = live(fates);
  EXPECT_GT(tally.resets["ahead"], 5u);
  EXPECT_GT(tally.resets["deleted"], 5u);
}

TEST(DurableModelTest, AllTogether) {
  Fates fates;
  fates.trims = true;
  fates.forks = true;
  EXPECT_GE(live(fates).resets.size(), 4u);
}

}  // namespace
}  // namespace sse
