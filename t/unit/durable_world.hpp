// Durable channels of one worker with a FakeStreamServer behind them, and their clients: the test decides when bytes travel, and how many.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker_connection.hpp"
#include "delivery_fixture.hpp"
#include "fake_stream_server.hpp"
#include "reference_event_stream.hpp"
#include "stream_source.hpp"

namespace sse::test {

// Lanes that tell nobody of anything: what they would say is for the test to say.
class SilentLanes final : public LaneHost {
 public:
  // Each stream has a lane of its own.
  static LanesOptions options() {
    LanesOptions options;
    options.cold_members = 1;
    options.hot_members = 1;
    options.max_hot_lanes = 0;
    return options;
  }
  std::unique_ptr<LaneConnection> make_connection(LaneConnectionOwner&) override { return std::make_unique<Connection>(); }
  void on_due() override {}

 private:
  struct Connection final : LaneConnection {
    redis::SessionTransport& transport() override { return none; }
    void start(redis::Session&) override {}
    void fail(const std::string&) override {}
    void check_timeout() override {}
    FakeTransport none;
  };
};

struct ReaderChoice {
  Framing framing = Framing::plain;
  DurableOptions durable;
  std::size_t buffer_bytes = 0;
  std::size_t max_message_bytes = 0;
  std::uint64_t send_timeout_ms = 0;
};

// Takes the chunks of an HTTP/1.1 body apart as they come.
class Unchunker {
 public:
  std::string read(std::string_view bytes) {
    held_ += bytes;
    std::string body;
    for (;;) {
      const std::size_t line_end = held_.find("\r\n");
      if (line_end == std::string::npos) {
        return body;
      }
      const std::size_t size = std::stoul(held_.substr(0, line_end), nullptr, 16);
      const std::size_t begin = line_end + 2;
      // What is there of a chunk is given at once, as a browser would.
      const std::size_t there = std::min(size, held_.size() - begin);
      body += held_.substr(begin + given_, there - std::min(there, given_));
      given_ = there;
      if (held_.size() < begin + size + 2) {
        return body;
      }
      EXPECT_EQ(held_.substr(begin + size, 2), "\r\n");
      held_.erase(0, begin + size + 2);
      given_ = 0;
    }
  }

 private:
  std::string held_;
  std::size_t given_ = 0;  // of the chunk that is first
};

// A subscriber and its connection. Leaves when destroyed.
class DurableReader {
 public:
  DurableReader(Hub& hub, StreamSource& source, const std::vector<std::string>& channels, const ReaderChoice& choice,
                std::string_view cursor, const std::uint64_t& now_ms)
      : choice_(choice), hub_(hub), source_(source), now_ms_(now_ms) {
    options_.send_timeout_ms = choice.send_timeout_ms;
    reading_.encoding.framing = choice.framing;
    reading_.buffer_bytes = choice.buffer_bytes;
    reading_.max_message_bytes = choice.max_message_bytes;
    subscriber_ = std::make_unique<Subscriber>(sink, options_, reading_, channels.size());
    subscriber_->make_durable(choice_.durable, {channels.begin(), channels.end()}, cursor);
    sink.when_confirmed = [this] { hub_.open(*subscriber_, choice_.framing, now_ms_); };
    for (std::size_t i = 0; i < channels.size(); ++i) {
      source_.add(*subscriber_, i, TopicKind::channel, channels[i], now_ms_);
    }
    source_.subscribe(*subscriber_);
  }
  ~DurableReader() {
    hub_.forget(*subscriber_);
    source_.leave(*subscriber_, now_ms_);
  }
  DurableReader(const DurableReader&) = delete;
  DurableReader& operator=(const DurableReader&) = delete;

  // What sse_open_timeout does.
  void stop_waiting() {
    if (subscriber_->state() == Subscriber::State::waiting) {
      hub_.admit(*subscriber_);
    }
  }

  void make_writable(std::size_t room = SIZE_MAX) {
    sink.room = room;
    hub_.on_writable(*subscriber_, now_ms_);
  }

  bool is_open() const { return subscriber_->state() == Subscriber::State::open; }
  Subscriber& subscriber() { return *subscriber_; }
  DurableReading::Phase phase(std::size_t i = 0) const { return (*subscriber_)[i].durable->phase; }

  // What has come since the last call, without the chunks around it.
  std::string take() { return choice_.framing == Framing::chunked ? unchunker_.read(sink.take()) : sink.take(); }

  // What the client has dispatched so far.
  const std::vector<reference::Dispatched>& events() {
    client_.read(take());
    return client_.events;
  }
  // Data of its messages, and `reset <reason>`; each with its id.
  std::vector<std::string> told() {
    std::vector<std::string> result;
    for (const reference::Dispatched& event : events()) {
      result.push_back(summary(event) + " @" + event.last_event_id);
    }
    return result;
  }
  std::string last_event_id() {
    events();
    return client_.last_event_id;
  }

  static std::string summary(const reference::Dispatched& event) {
    return event.type == "message" ? event.data : event.type + " " + member(event.data, "reason");
  }
  // Of the data of a reset.
  static std::string member(const std::string& data, const std::string& name) {
    const std::string start = "\"" + name + "\":\"";
    const std::size_t begin = data.find(start);
    return begin == std::string::npos ? "?"
                                      : data.substr(begin + start.size(), data.find('"', begin + start.size()) - begin - start.size());
  }

  FakeSink sink;

 private:
  const ReaderChoice choice_;
  SubscriberOptions options_;
  ReadOptions reading_;
  Hub& hub_;
  StreamSource& source_;
  const std::uint64_t& now_ms_;
  std::unique_ptr<Subscriber> subscriber_;
  Unchunker unchunker_;
  reference::Client client_;
};

class DurableWorld final : private redis::SessionObserver {
 public:
  static constexpr redis::ReplyLimits kReplyLimits = {100'000, 1'000'000};
  static constexpr std::uint64_t kTickMs = 500;

  DurableWorld() : DurableWorld(own_server_) {}
  // Another worker, with the same server, which must outlive it.
  explicit DurableWorld(FakeStreamServer& shared, std::size_t most_asked_bytes = QueryPace::kMostBytes)
      : server(shared), source(hub, logger, commands, lanes, HashSecret{}, most_asked_bytes) {}
  DurableWorld(const DurableWorld&) = delete;
  DurableWorld& operator=(const DurableWorld&) = delete;

  std::unique_ptr<DurableReader> reader(const std::vector<std::string>& channels, const ReaderChoice& choice = {},
                                        std::string_view cursor = {}) {
    return std::make_unique<DurableReader>(hub, source, channels, choice, cursor, now_ms);
  }

  void connect() {
    if (client == nullptr) {
      client = &server.connect();
      commands.connected(now_ms);
    }
  }
  void cut() {
    if (client != nullptr) {
      server.disconnect(*client);
      client = nullptr;
      commands.disconnected();
      source.commands_lost();
    }
  }

  void to_server(std::size_t bytes = SIZE_MAX) {
    if (client != nullptr) {
      const std::string output(commands.output().substr(0, bytes));
      commands.written(output.size());
      server.read(*client, output);
    }
  }
  void to_session(std::size_t bytes = SIZE_MAX) {
    if (client != nullptr && !client->output.empty()) {
      const std::string input = client->output.substr(0, bytes);
      client->output.erase(0, bytes);
      EXPECT_TRUE(commands.receive(input, now_ms)) << commands.error();
    }
  }
  // Asked, and read: false when there is nothing on the way.
  bool is_busy() const { return client != nullptr && (!commands.output().empty() || !client->output.empty()); }

  // Until nobody has more to say.
  void exchange() {
    int rounds = 0;
    do {
      to_server();
      to_session();
      flush();
      ASSERT_LT(++rounds, 10000) << "asks for ever";
    } while (is_busy());
  }
  void flush() {
    FakeDeadline never(1 << 30);
    EXPECT_FALSE(hub.flush(never, now_ms));
  }

  void pass(std::uint64_t ms) {
    for (const std::uint64_t end_ms = now_ms + ms; now_ms < end_ms;) {
      now_ms = std::min(end_ms, now_ms + kTickMs);
      source.tick(now_ms);
      exchange();
    }
  }

  // Null: the stream is in no lane.
  LaneMember* listener(std::string_view key) {
    LaneMember* result = nullptr;
    lanes.for_each_lane([&](const Lane& lane) {
      if (lane.front() != nullptr && lane.front()->key() == key) {
        result = lane.front();
      }
    });
    return result;
  }
  // What a lane says when it may have missed something.
  void ring(std::string_view key) {
    if (LaneMember* one = listener(key)) {
      one->lane_rang(now_ms);
    }
  }

  struct LaneReply {
    std::string key;
    StreamId from;
    std::string bytes;  // the entries; empty: there are none
    bool is_whole = true;
  };
  // What a lane is told by Redis now.
  LaneReply read_lane(const std::string& key) {
    LaneReply reply{key, {}, {}, true};
    if (const LaneMember* one = listener(key)) {
      reply.from = one->position();
      const std::size_t count = server.count_after(key, reply.from);
      reply.is_whole = count < kLaneEntries;
      reply.bytes = count == 0 ? std::string() : server.entries_after(key, reply.from, kLaneEntries);
    }
    return reply;
  }
  // The same arrives.
  void tell(const LaneReply& reply) {
    LaneMember* one = listener(reply.key);
    if (one != nullptr && !reply.bytes.empty()) {
      redis::ReplyReader reader({});
      redis::ReplyView entries;
      ASSERT_TRUE(reader.feed(reply.bytes));
      ASSERT_EQ(reader.next(entries), redis::ReplyReader::Result::reply);
      static_cast<void>(one->lane_read(reply.from, entries, reply.is_whole, now_ms));
    }
  }

  // XADD, and the lane tells.
  void publish(const std::string& key, StreamId id, std::string_view data) {
    server.streams[key].add(id, data);
    ring(key);
    exchange();
  }

  std::vector<std::string> asked(std::string_view command) const {
    std::vector<std::string> result;
    for (const Command& one : client->commands) {
      if (one[0] == command) {
        std::string text;
        for (const std::string& part : one) {
          text += (text.empty() ? "" : " ") + part;
        }
        result.push_back(text);
      }
    }
    return result;
  }

 private:
  void on_ready(const redis::ServerInfo&, std::uint64_t ready_ms) override { source.commands_ready(ready_ms); }
  void on_reply(const redis::Request&, redis::ReplyView, std::uint64_t) override { ADD_FAILURE() << "nobody's answer"; }
  void on_push(redis::ReplyView, std::uint64_t) override {}

  FakeTransport transport_;
  FakeScheduler scheduler_;
  SilentLanes lane_host_;
  FakeStreamServer own_server_;

 public:
  std::uint64_t now_ms = 1'000'000;
  FakeStreamServer& server;
  FakeStreamServer::Client* client = nullptr;  // null: not connected
  RecordingLogger logger;
  Hub hub{scheduler_};
  redis::Session commands{{"", "", 0, "me"}, *this, transport_, kReplyLimits, 2000};
  Lanes lanes{lane_host_, logger, commands, SilentLanes::options()};
  StreamSource source;
};

}  // namespace sse::test
