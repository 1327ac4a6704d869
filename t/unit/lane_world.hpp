// Lanes with their connections to a FakeStreams, and members that read what they are told of: the test decides when bytes travel, and
// how many.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker_connection.hpp"
#include "fake_streams.hpp"
#include "lanes.hpp"

namespace sse::test {

class LaneWorld final : public LaneHost, private redis::SessionObserver {
 public:
  static constexpr std::uint64_t kAnswerTimeoutMs = 2000;

  struct Connection final : LaneConnection {
    Connection(LaneWorld& its_world, LaneConnectionOwner& its_owner) : world(its_world), owner(its_owner) {}
    ~Connection() override { world.closed(*this); }
    redis::SessionTransport& transport() override { return world.transport_; }
    void start(redis::Session& its_session) override { session = &its_session; }
    void fail(const std::string& why) override {
      world.failures.push_back(why);
      world.cut(*this);
    }
    void check_timeout() override {
      if (!session->check_timeout(world.now_ms)) {
        fail(session->error());
      }
    }
    LaneWorld& world;
    LaneConnectionOwner& owner;
    redis::Session* session = nullptr;
    FakeStreams::Client* client = nullptr;  // null: not connected
    bool is_dead = false;                   // and its owner does not know it yet
  };

  class Member final : public LaneMember {
   public:
    Member(LaneWorld& world, std::string key) : world_(world), key_(std::move(key)) {}
    ~Member() { world_.lanes.remove(*this, world_.now_ms); }
    Member(const Member&) = delete;
    Member& operator=(const Member&) = delete;

    const std::string& key() const override { return key_; }
    StreamId position() const override { return at; }
    std::size_t largest_entry_bytes() const override { return largest; }
    bool lane_read(StreamId from, redis::ReplyView entries, bool is_whole, std::uint64_t) override {
      ++reads;
      if (when_read) {
        when_read();
      }
      for (const redis::ReplyView entry : entries) {
        const StreamId id = parse_stream_id(entry.at(0).text()).value();
        EXPECT_LT(from, id) << key_ << ": is behind what was asked for";
        if (is_whole && from == at) {
          EXPECT_LT(at, id);
        }
      }
      if (!is_whole || from != at) {
        wants_read = true;
        ++bells;
        return false;
      }
      at = parse_stream_id((*last(entries)).at(0).text()).value();
      return true;
    }
    void lane_rang(std::uint64_t) override {
      ++rings;
      wants_read = true;
    }
    void lane_refused(std::string_view error, std::uint64_t) override { refusal = error; }

    // What a member does by itself after a bell.
    void read_all() {
      wants_read = false;
      at = std::max(at, world_.redis.last_id(key_));
      if (refusal.empty()) {
        world_.lanes.add(*this, world_.now_ms);
      }
    }

    StreamId at;
    std::size_t largest = 0;
    int reads = 0;
    int bells = 0;
    int rings = 0;
    bool wants_read = false;
    std::string refusal;
    std::function<void()> when_read;

   private:
    static redis::ReplyView::Iterator last(redis::ReplyView entries) {
      redis::ReplyView::Iterator result = entries.begin();
      for (redis::ReplyView::Iterator i = entries.begin(); i != entries.end(); ++i) {
        result = i;
      }
      return result;
    }

    LaneWorld& world_;
    std::string key_;
  };

  explicit LaneWorld(const LanesOptions& options = {})
      : command({"", "", 0, "me"}, *this, transport_, {}, kAnswerTimeoutMs), lanes(*this, logger, command, options) {}
  LaneWorld(const LaneWorld&) = delete;
  LaneWorld& operator=(const LaneWorld&) = delete;

  static LanesOptions small(std::size_t cold, std::size_t hot, std::size_t max_hot_lanes) {
    LanesOptions options = {{{"", "", 0, "me"}, {}, kAnswerTimeoutMs}};
    options.cold_members = cold;
    options.hot_members = hot;
    options.max_hot_lanes = max_hot_lanes;
    return options;
  }

  std::unique_ptr<LaneConnection> make_connection(LaneConnectionOwner& owner) override {
    auto made = std::make_unique<Connection>(*this, owner);
    connections.push_back(made.get());
    return made;
  }
  void on_due() override { is_due = true; }

  // Whoever is not connected connects.
  void connect() {
    if (command_client == nullptr && !is_command_dead) {
      command_client = &redis.connect();
      command.connected(now_ms);
    }
    for (Connection* connection : connections) {
      if (connection->client == nullptr && !connection->is_dead) {
        connection->client = &redis.connect();
        connection->session->connected(now_ms);
      }
    }
  }

  void cut(Connection& connection) {
    cut_silently(connection);
    notice(connection);
  }
  void cut_command() {
    cut_command_silently();
    notice_command();
  }
  // The server ends the connection; this side learns it when it is told to notice.
  void cut_silently(Connection& connection) {
    if (connection.client != nullptr) {
      redis.disconnect(*connection.client);
      connection.client = nullptr;
      connection.is_dead = true;
    }
  }
  void notice(Connection& connection) {
    if (connection.is_dead) {
      connection.is_dead = false;
      connection.owner.connection_lost();
    }
  }
  void cut_command_silently() {
    if (command_client != nullptr) {
      redis.disconnect(*command_client);
      command_client = nullptr;
      is_command_dead = true;
    }
  }
  void notice_command() {
    if (is_command_dead) {
      is_command_dead = false;
      command.disconnected();
      lanes.command_lost();
    }
  }

  void to_server(Connection& connection, std::size_t bytes = SIZE_MAX) { write(*connection.session, connection.client, bytes); }
  void to_session(Connection& connection, std::size_t bytes = SIZE_MAX) { read(*connection.session, connection.client, bytes); }
  void commands_to_server() { write(command, command_client, SIZE_MAX); }
  void commands_to_session() { read(command, command_client, SIZE_MAX); }

  // As nginx would: when lanes say so, or when it is time.
  void tick() {
    is_due = false;
    lanes.tick(now_ms);
  }

  // Until nobody has more to say at this time.
  void exchange() {
    redis.pass_time(now_ms);
    do {
      connect();
      is_due = false;
      if (lanes.next_due_ms() <= now_ms) {
        tick();
      }
      commands_to_server();
      const std::vector<Connection*> all = connections;  // more may be made
      for (Connection* connection : all) {
        to_server(*connection);
      }
      commands_to_session();
      for (Connection* connection : all) {
        to_session(*connection);
      }
      for (const std::unique_ptr<Member>& member : members) {
        if (member->wants_read && members_read) {
          member->read_all();
        }
      }
    } while (has_more_to_say());
  }

  // Time goes by in the steps that lanes ask for.
  void pass(std::uint64_t ms) {
    const std::uint64_t end_ms = now_ms + ms;
    exchange();
    while (now_ms < end_ms) {
      now_ms = std::clamp(std::min(lanes.next_due_ms(), redis.next_return_ms()), now_ms + 1, end_ms);
      exchange();
    }
  }

  Member& member(std::string key) { return *members.emplace_back(std::make_unique<Member>(*this, std::move(key))); }
  Member& listening(std::string key) {
    Member& made = member(std::move(key));
    lanes.add(made, now_ms);
    return made;
  }
  void forget(Member& member) {
    members.erase(std::find_if(members.begin(), members.end(), [&member](const auto& one) { return one.get() == &member; }));
  }

  void xadd(const std::string& key) { redis.add(key, {now_ms + 1, ++sequence_}); }

  Connection& connection_of(const Member& member) {
    const Lane* lane = Lane::of(member);
    std::size_t number = 0;
    std::size_t found = SIZE_MAX;
    lanes.for_each_lane([&](const Lane& one) { (&one == lane ? found : sink_) = number++; });
    return *connections.at(found);
  }

  std::vector<Command> commands_of(const Member& member) { return connection_of(member).client->commands; }
  std::size_t unblocks() const {
    return static_cast<std::size_t>(std::count_if(command_client->commands.begin(), command_client->commands.end(),
                                                  [](const Command& one) { return one[0] == "CLIENT"; }));
  }

  // What must be true at any time.
  void validate(const LanesOptions& options) {
    std::size_t listed = 0;
    lanes.for_each_lane([&](const Lane& lane) {
      EXPECT_LE(lane.size(), lane.kind() == Lane::Kind::cold ? options.cold_members : options.hot_members);
      listed += lane.size();
    });
    EXPECT_EQ(listed, lanes.member_count());
    const auto in = std::count_if(members.begin(), members.end(), [](const auto& one) { return Lane::of(*one) != nullptr; });
    EXPECT_EQ(listed, static_cast<std::size_t>(in));
  }

 private:
  FakeTransport transport_;
  std::size_t sink_ = 0;
  std::uint64_t sequence_ = 0;

 public:
  std::uint64_t now_ms = 1000000;
  FakeStreams redis;
  RecordingLogger logger;
  std::vector<std::string> failures;
  std::vector<Connection*> connections;  // in the order of the lanes
  redis::Session command;
  FakeStreams::Client* command_client = nullptr;
  bool is_command_dead = false;
  bool is_due = false;
  bool members_read = true;  // after a bell, at once
  Lanes lanes;
  std::vector<std::unique_ptr<Member>> members;

 private:
  void on_ready(const redis::ServerInfo&, std::uint64_t) override {}
  void on_reply(const redis::Request&, redis::ReplyView, std::uint64_t) override { ADD_FAILURE() << "not the lanes' answer"; }
  void on_push(redis::ReplyView, std::uint64_t) override {}

  void closed(Connection& connection) {
    if (connection.client != nullptr) {
      redis.disconnect(*connection.client);
    }
    connections.erase(std::find(connections.begin(), connections.end(), &connection));
  }

  void write(redis::Session& session, FakeStreams::Client* client, std::size_t bytes) {
    if (client != nullptr && !session.output().empty()) {
      const std::string output(session.output().substr(0, bytes));
      session.written(output.size());
      redis.read(*client, output);
    }
  }

  void read(redis::Session& session, FakeStreams::Client* client, std::size_t bytes) {
    if (client != nullptr && !client->output.empty()) {
      const std::string input = client->output.substr(0, bytes);
      client->output.erase(0, bytes);
      EXPECT_TRUE(session.receive(input, now_ms)) << session.error();
    }
  }

  bool has_more_to_say() const {
    const auto is_busy = [](const redis::Session& session, const FakeStreams::Client* client, bool is_dead) {
      return !is_dead && (client == nullptr || !session.output().empty() || !client->output.empty());
    };
    return lanes.next_due_ms() <= now_ms || is_busy(command, command_client, is_command_dead) ||
           std::any_of(connections.begin(), connections.end(),
                       [&](const Connection* one) { return is_busy(*one->session, one->client, one->is_dead); });
  }
};

}  // namespace sse::test
