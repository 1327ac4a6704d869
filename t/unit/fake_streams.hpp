// A Redis server with streams, for lanes under test: blocks and wakes clients as Redis 7 does. Time passes when the test says so.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fake_redis.hpp"
#include "stream_id.hpp"

namespace sse::test {

class FakeStreams {
 public:
  struct Client {
    std::int64_t id = 0;
    std::string input;
    std::string output;            // not yet on its way
    Command blocked;               // the XREAD that waits; empty: none
    std::uint64_t returns_ms = 0;  // of a blocked client
    std::vector<Command> commands;
  };

  std::set<std::string> wrong_types;
  std::set<std::string> forbidden;
  std::string sickness;          // every XREAD is answered with this error
  std::string unblock_error;     // CLIENT UNBLOCK is
  std::string next_xread_reply;  // instead of what is right; once
  std::vector<std::int64_t> unblocked_strangers;

  Client& connect() {
    Client& client = clients_.emplace_back();
    client.id = next_client_id_++;
    return client;
  }
  void disconnect(Client& client) {
    clients_.remove_if([&client](const Client& one) { return &one == &client; });
  }
  // An application of somebody else, in a BLPOP.
  Client& connect_stranger() {
    Client& client = connect();
    client.blocked = {"BLPOP", "jobs", "0"};
    client.returns_ms = UINT64_MAX;
    return client;
  }
  // Requires that no connection leads to a client any more. Ids begin again.
  void restart() {
    clients_.clear();
    next_client_id_ = 1;
  }

  StreamId last_id(const std::string& key) const {
    const auto found = streams_.find(key);
    return found == streams_.end() || found->second.empty() ? StreamId() : found->second.back();
  }

  void add(const std::string& key, StreamId id) {
    streams_[key].push_back(id);
    for (Client& client : clients_) {
      if (!client.blocked.empty() && client.blocked[0] == "XREAD" && is_asked(client.blocked, key)) {
        reply(client, array({answer_for(client.blocked, key)}));
      }
    }
  }

  // Those whose time has come return empty-handed.
  void pass_time(std::uint64_t now_ms) {
    now_ms_ = now_ms;
    for (Client& client : clients_) {
      if (!client.blocked.empty() && client.returns_ms <= now_ms) {
        reply(client, "*-1\r\n");
      }
    }
  }

  // When the next one does.
  std::uint64_t next_return_ms() const {
    std::uint64_t result = UINT64_MAX;
    for (const Client& client : clients_) {
      if (!client.blocked.empty()) {
        result = std::min(result, client.returns_ms);
      }
    }
    return result;
  }

  // Ends a client's wait as a change of role does.
  void break_off(Client& client, std::string_view error) { reply(client, "-" + std::string(error) + "\r\n"); }

  void read(Client& client, std::string_view bytes) {
    client.input += bytes;
    serve(client);
  }

 private:
  using Ids = std::vector<StreamId>;

  static std::size_t streams_at(const Command& xread) {
    return static_cast<std::size_t>(std::find(xread.begin(), xread.end(), "STREAMS") - xread.begin()) + 1;
  }
  static std::size_t key_count(const Command& xread) { return (xread.size() - streams_at(xread)) / 2; }

  static bool is_asked(const Command& xread, const std::string& key) {
    const auto begin = xread.begin() + static_cast<std::ptrdiff_t>(streams_at(xread));
    return std::find(begin, begin + static_cast<std::ptrdiff_t>(key_count(xread)), key) !=
           begin + static_cast<std::ptrdiff_t>(key_count(xread));
  }

  // Key and entries; empty when there are none.
  std::string answer_for(const Command& xread, const std::string& key) const {
    const std::size_t begin = streams_at(xread);
    const std::size_t keys = key_count(xread);
    std::vector<std::string> entries;
    for (std::size_t i = begin; i < begin + keys; ++i) {
      const auto found = streams_.find(key);
      if (xread[i] != key || xread[i + keys] == "$" || found == streams_.end()) {
        continue;
      }
      const std::size_t count = std::stoul(xread[2]);
      const StreamId after = parse_stream_id(xread[i + keys]).value();
      for (auto id = std::upper_bound(found->second.begin(), found->second.end(), after);
           id != found->second.end() && entries.size() < count; ++id) {
        entries.push_back(array({bulk(to_string(*id)), array({bulk("data"), bulk("x")})}));
      }
    }
    return entries.empty() ? std::string() : array({bulk(key), array(entries)});
  }

  void reply(Client& client, const std::string& bytes) {
    client.blocked.clear();
    client.output += bytes;
    serve(client);
  }

  void serve(Client& client) {
    while (client.blocked.empty()) {
      const Command command = take_command(client.input);
      if (command.empty()) {
        return;
      }
      client.commands.push_back(command);
      client.output += answer(client, command);
    }
  }

  std::string answer(Client& client, const Command& command) {
    if (command[0] == "HELLO") {
      return array({bulk("server"), bulk("redis"), bulk("id"), integer(static_cast<std::size_t>(client.id))});
    }
    if (command[0] == "CLIENT") {
      return unblock(std::stol(command[2]));
    }
    EXPECT_EQ(command[0], "XREAD");
    return xread(client, command);
  }

  std::string unblock(std::int64_t id) {
    if (!unblock_error.empty()) {
      return "-" + unblock_error + "\r\n";
    }
    for (Client& client : clients_) {
      if (client.id == id && !client.blocked.empty()) {
        if (client.blocked[0] != "XREAD") {
          unblocked_strangers.push_back(id);
        }
        reply(client, "*-1\r\n");
        return integer(1);
      }
    }
    return integer(0);
  }

  std::string xread(Client& client, const Command& command) {
    if (!next_xread_reply.empty()) {
      return std::exchange(next_xread_reply, {});
    }
    if (!sickness.empty()) {
      return "-" + sickness + "\r\n";
    }
    std::vector<std::string> answers;
    const std::size_t begin = streams_at(command);
    EXPECT_NE(key_count(command), 0u);
    for (std::size_t i = begin; i < begin + key_count(command); ++i) {
      if (forbidden.count(command[i]) != 0) {
        return "-NOPERM this user has no permissions to access one of the keys used as arguments\r\n";
      }
    }
    for (std::size_t i = begin; i < begin + key_count(command); ++i) {
      if (wrong_types.count(command[i]) != 0) {
        return "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
      }
      const std::string answer = answer_for(command, command[i]);
      if (!answer.empty()) {
        answers.push_back(answer);
      }
    }
    if (!answers.empty()) {
      return array(answers);
    }
    if (command[3] != "BLOCK") {
      return "*-1\r\n";
    }
    const std::uint64_t block_ms = std::stoul(command[4]);
    EXPECT_NE(block_ms, 0u) << "cannot be told from a dead connection";
    client.blocked = command;
    client.returns_ms = now_ms_ + block_ms;
    return {};
  }

  std::map<std::string, Ids> streams_;
  std::list<Client> clients_;
  std::int64_t next_client_id_ = 1;
  std::uint64_t now_ms_ = 0;
};

}  // namespace sse::test
