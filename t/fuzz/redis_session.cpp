// A server that turns hostile: honest answers and messages, and in between whatever it likes. Streams stay whole event streams of what was
// published on their channels, log lines stay lines, and nothing is left when all have gone.
#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker_connection.hpp"
#include "delivery_fixture.hpp"
#include "gtest_findings.hpp"
#include "input.hpp"
#include "reference_event_stream.hpp"
#include "reference_text.hpp"
#include "require.hpp"

using namespace sse;

namespace {

constexpr redis::ReplyLimits kReplyLimits = {1024, 2048};
constexpr std::uint64_t kAnswerTimeoutMs = 2000;
constexpr std::uint64_t kLongerThanLingerMs = 6000;
constexpr int kMaxLosses = 4;  // of the connections
constexpr std::array<std::string_view, 2> kChannels = {"news", "a\"b"};
constexpr std::string_view kPattern = "p.*";

void require_one_line(std::string_view message) {
  fuzz::require(!message.empty() && message.find_first_of("\r\n") == std::string_view::npos, "what is told is one line");
}

struct LineLogger final : Logger {
  void log(LogLevel, std::string_view message) override { require_one_line(message); }
};

struct Stream {
  explicit Stream(const ReadOptions& its_reading) : reading(its_reading), subscriber(sink, options, reading, kChannels.size() + 1) {}

  SubscriberOptions options;
  ReadOptions reading;
  test::FakeSink sink;
  Subscriber subscriber;
  reference::Client client;
};

class World {
 public:
  World() {
    reconnect();
    join(PayloadForm::text);
    join(PayloadForm::event);
    honest_answers();
    flush();
    for (const auto& stream : streams_) {
      fuzz::require(stream->subscriber.state() == Subscriber::State::open, "confirmed channels open a stream");
    }
  }

  // Logging in again and again teaches nothing.
  bool is_over() const { return losses_ == kMaxLosses; }

  void step(fuzz::Input& input) {
    const std::size_t what = input.below(12);
    switch (what) {
      case 0:
        now_ms_ += input.byte() * std::uint64_t{40};
        tick();
        break;
      case 1:
        join(input.coin() ? PayloadForm::json : PayloadForm::text);
        break;
      case 2:
        leave(input);
        break;
      case 3:
        honest_answers();
        break;
      case 4:
        server_says(test::message(kChannels[input.below(kChannels.size())], input.text()));
        break;
      case 5: {
        const std::string channel(input.text());
        server_says(test::array({test::bulk("pmessage"), test::bulk(kPattern), test::bulk(channel), test::bulk(input.text())}));
        break;
      }
      case 6:
        server_says(test::array({test::bulk("subscribe"), test::bulk(input.text()), test::integer(1)}));
        break;
      case 7:
        server_says("-" + std::string(input.line()) + "\r\n");
        break;
      case 8:
        command_server_says(input.text());
        break;
      case 9:
        flush();
        break;
      default:
        server_says(input.text());
    }
  }

  void finish() {
    flush();
    while (!streams_.empty()) {
      leave(0);
    }
    source_.subscriptions_lost(now_ms_);
    source_.commands_lost();
    fuzz::require(source_.topic_count() == 0, "no topic outlives its readers and its connection");
    live_again();
    flush();
    fuzz::require(hub_.memory().bytes == 0, "no memory is left");
  }

 private:
  // With an honest server, nothing of what was before matters.
  void live_again() {
    reconnect();
    join(PayloadForm::text);
    honest_answers();
    flush();
    Stream& stream = *streams_.front();
    server_says(test::message(kChannels[0], "hello"));
    flush();
    fuzz::require(stream.client.events == std::vector<reference::Dispatched>{{"news", "hello", ""}}, "a new connection delivers");
    leave(0);
    now_ms_ += kLongerThanLingerMs;
    fuzz::require(source_.tick(now_ms_), "a new connection is alive");
    honest_answers();
    fuzz::require(source_.topic_count() == 0, "a topic without readers is left");
  }

  void reconnect() {
    subscription_server_ = std::make_unique<test::FakeRedis>();
    command_server_ = std::make_unique<test::FakeRedis>();
    subscription_client_ = &subscription_server_->connect();
    command_client_ = &command_server_->connect();
    source_.subscription_session().connected(now_ms_);
    source_.command_session().connected(now_ms_);
    honest_answers();
  }

  // One connection or both broke: a new server is at the other end, which begins as an honest one.
  void check(bool subscription_is_well, bool command_is_well) {
    redis::Session& subscription = source_.subscription_session();
    redis::Session& command = source_.command_session();
    if (!subscription_is_well || !command_is_well) {
      require_one_line((subscription_is_well ? command : subscription).error());
      ++losses_;
      source_.subscriptions_lost(now_ms_);
      source_.commands_lost();
      fuzz::require(subscription.output().empty() && !subscription.is_ready(), "a lost connection keeps nothing to send");
      reconnect();
    }
  }

  void server_says(std::string_view bytes) { check(source_.subscription_session().receive(bytes, now_ms_), true); }
  void command_server_says(std::string_view bytes) { check(true, source_.command_session().receive(bytes, now_ms_)); }

  // What the sessions ask is answered as Redis does, if they still understand.
  void honest_answers() {
    const auto serve = [this](redis::Session& session, test::FakeRedis& server, test::FakeRedis::Client& client) {
      const std::string output(session.output());
      session.written(output.size());
      server.read(client, output);
      const std::string answer = std::exchange(client.output, {});
      return session.receive(answer, now_ms_);
    };
    const bool subscription_is_well = serve(source_.subscription_session(), *subscription_server_, *subscription_client_);
    check(subscription_is_well, serve(source_.command_session(), *command_server_, *command_client_));
  }

  void tick() {
    const bool subscription_is_well = source_.subscription_session().check_timeout(now_ms_);
    const bool command_is_well = source_.command_session().check_timeout(now_ms_);
    check(subscription_is_well, command_is_well);
    if (!source_.tick(now_ms_)) {
      source_.subscriptions_lost(now_ms_);
      source_.commands_lost();
      reconnect();
    }
  }

  void join(PayloadForm form) {
    if (streams_.size() == 6) {
      return;
    }
    ReadOptions reading;
    reading.encoding.payload = form;
    reading.encoding.default_event.kind = DefaultEvent::Kind::channel;
    reading.max_message_bytes = 200;
    reading.buffer_bytes = 2000;
    Stream& stream = *streams_.emplace_back(std::make_unique<Stream>(reading));
    stream.sink.when_confirmed = [this, &stream] { hub_.open(stream.subscriber, Framing::plain, now_ms_); };
    for (std::size_t i = 0; i < kChannels.size(); ++i) {
      source_.add(stream.subscriber, i, TopicKind::channel, kChannels[i], now_ms_);
    }
    source_.add(stream.subscriber, kChannels.size(), TopicKind::pattern, kPattern, now_ms_);
    source_.subscribe(stream.subscriber);
  }

  void leave(fuzz::Input& input) {
    if (!streams_.empty()) {
      leave(input.below(streams_.size()));
    }
  }

  void leave(std::size_t i) {
    hub_.forget(streams_[i]->subscriber);
    source_.leave(streams_[i]->subscriber, now_ms_);
    streams_.erase(streams_.begin() + static_cast<std::ptrdiff_t>(i));
  }

  void flush() {
    test::FakeDeadline never(1 << 30);
    fuzz::require(!hub_.flush(never, now_ms_), "a flush without a deadline leaves nothing to do");
    for (const auto& stream : streams_) {
      check_stream(*stream);
    }
  }

  static void check_stream(Stream& stream) {
    const std::string bytes = stream.sink.take();
    fuzz::require(reference::is_utf8(bytes), "a stream is valid UTF-8");
    fuzz::require(bytes.empty() || (bytes.size() >= 2 && bytes.substr(bytes.size() - 2) == "\n\n"), "a stream stands at a boundary");
    fuzz::require(bytes.empty() || stream.subscriber.state() != Subscriber::State::waiting, "nothing is sent before the header");
    stream.client.events.clear();
    stream.client.read(bytes);
    for (const reference::Dispatched& event : stream.client.events) {
      const bool is_event_form = stream.reading.encoding.payload == PayloadForm::event;
      fuzz::require(is_event_form || event.last_event_id.empty() || stream.reading.encoding.payload == PayloadForm::json,
                    "a text has no id");
      fuzz::require(event.data.size() <= 3 * kReplyLimits.value, "an event is within the limits");
    }
  }

  std::uint64_t now_ms_ = 1000;
  int losses_ = 0;
  test::FakeScheduler scheduler_;
  Hub hub_{scheduler_};
  LineLogger logger_;
  test::FakeTransport transport_;
  PubsubSource source_{hub_, logger_, transport_, transport_, {{"", "", 0, "me"}, "sse:probe:1:2", kReplyLimits, kAnswerTimeoutMs}};
  std::unique_ptr<test::FakeRedis> subscription_server_;
  std::unique_ptr<test::FakeRedis> command_server_;
  test::FakeRedis::Client* subscription_client_ = nullptr;
  test::FakeRedis::Client* command_client_ = nullptr;
  std::vector<std::unique_ptr<Stream>> streams_;
};

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  fuzz::abort_on_failure();
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  World world;
  while (!input.empty() && !world.is_over()) {
    world.step(input);
  }
  world.finish();
  return 0;
}
