// A Redis server for sessions under test: takes commands as bytes, answers as Redis 7 does in RESP2.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <list>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "redis_session.hpp"

namespace sse::test {

using Command = std::vector<std::string>;

// Removes the first command from `bytes`; empty when there is no whole one.
inline Command take_command(std::string& bytes) {
  Command command;
  std::size_t at = 0;
  const auto number_after = [&](char mark, std::size_t& number) {
    const std::size_t end = bytes.find("\r\n", at);
    if (end == std::string::npos) {
      return false;
    }
    EXPECT_EQ(bytes[at], mark);
    number = std::stoul(bytes.substr(at + 1, end - at - 1));
    at = end + 2;
    return true;
  };
  std::size_t arguments = 0;
  if (!number_after('*', arguments)) {
    return {};
  }
  while (command.size() < arguments) {
    std::size_t size = 0;
    if (!number_after('$', size) || bytes.size() < at + size + 2) {
      return {};
    }
    command.push_back(bytes.substr(at, size));
    at += size + 2;
  }
  bytes.erase(0, at);
  return command;
}

// All commands that the session has to write, as if they were written.
inline std::vector<Command> take_commands(redis::Session& session) {
  std::string bytes(session.output());
  session.written(bytes.size());
  std::vector<Command> commands;
  for (Command command = take_command(bytes); !command.empty(); command = take_command(bytes)) {
    commands.push_back(command);
  }
  EXPECT_EQ(bytes, "");
  return commands;
}

struct FakeTransport final : redis::SessionTransport {
  void on_output() override { ++calls; }
  int calls = 0;
};

inline std::string bulk(std::string_view text) { return "$" + std::to_string(text.size()) + "\r\n" + std::string(text) + "\r\n"; }
inline std::string array(const std::vector<std::string>& elements) {
  std::string bytes = "*" + std::to_string(elements.size()) + "\r\n";
  for (const std::string& element : elements) {
    bytes += element;
  }
  return bytes;
}
inline std::string integer(std::size_t number) { return ":" + std::to_string(number) + "\r\n"; }
inline std::string message(std::string_view channel, std::string_view payload) {
  return array({bulk("message"), bulk(channel), bulk(payload)});
}

inline std::string hello_reply(std::size_t client_id = 5) {
  return array({bulk("server"), bulk("redis"), bulk("version"), bulk("7.0.15"), bulk("proto"), integer(2), bulk("id"), integer(client_id),
                bulk("mode"), bulk("standalone"), bulk("role"), bulk("master"), bulk("modules"), array({})});
}

class FakeRedis {
 public:
  // One client's connection, as the server sees it.
  struct Client {
    std::string input;
    std::string output;  // not yet on its way
    std::set<std::string> channels;
    std::set<std::string> patterns;
    std::vector<Command> commands;  // all that were answered
  };

  std::set<std::string> forbidden;  // channels and patterns: NOPERM
  std::size_t next_client_id = 5;
  bool loses_messages = false;  // keeps answering, but delivers nothing any more

  Client& connect() { return clients_.emplace_back(); }
  void disconnect(Client& client) {
    clients_.remove_if([&client](const Client& one) { return &one == &client; });
  }

  void read(Client& client, std::string_view bytes) {
    client.input += bytes;
    for (Command command = take_command(client.input); !command.empty(); command = take_command(client.input)) {
      client.output += answer(client, command);
      client.commands.push_back(command);
    }
  }

  // Returns how many received it.
  std::size_t publish(std::string_view channel, std::string_view payload) {
    std::size_t receivers = 0;
    for (Client& client : clients_) {
      if (client.channels.count(std::string(channel)) != 0) {
        receivers += deliver(client, message(channel, payload));
      }
      for (const std::string& pattern : client.patterns) {
        if (matches(pattern, channel)) {
          receivers += deliver(client, array({bulk("pmessage"), bulk(pattern), bulk(channel), bulk(payload)}));
        }
      }
    }
    return receivers;
  }

  // Patterns are a prefix and a star.
  static bool matches(std::string_view pattern, std::string_view channel) {
    const std::string_view prefix = pattern.substr(0, pattern.size() - 1);
    return channel.substr(0, prefix.size()) == prefix;
  }

 private:
  std::size_t deliver(Client& client, const std::string& bytes) const {
    if (!loses_messages) {
      client.output += bytes;
    }
    return 1;
  }

  std::string answer(Client& client, const Command& command) {
    const std::string& name = command[0];
    if (name == "HELLO") {
      return hello_reply(next_client_id++);
    }
    if (name == "PING") {
      return client.channels.empty() && client.patterns.empty() ? "+PONG\r\n" : array({bulk("pong"), bulk("")});
    }
    if (name == "PUBLISH") {
      return forbidden.count(command[1]) != 0 ? refusal(name) : integer(publish(command[1], command[2]));
    }
    const bool by_pattern = name[0] == 'P';
    std::set<std::string>& names = by_pattern ? client.patterns : client.channels;
    std::string kind = name;
    std::transform(kind.begin(), kind.end(), kind.begin(), [](char c) { return static_cast<char>(c | 0x20); });
    if (name == "SUBSCRIBE" || name == "PSUBSCRIBE") {
      if (forbidden.count(command[1]) != 0) {
        return refusal(name);
      }
      names.insert(command[1]);
    } else if (name == "UNSUBSCRIBE" || name == "PUNSUBSCRIBE") {
      names.erase(command[1]);
    } else {
      ADD_FAILURE() << name;
    }
    EXPECT_EQ(command.size(), 2u) << "one command for each channel";
    return array({bulk(kind), bulk(command[1]), integer(client.channels.size() + client.patterns.size())});
  }

  static std::string refusal(const std::string& name) { return "-NOPERM No permissions to access a channel (" + name + ")\r\n"; }

  std::list<Client> clients_;
};

}  // namespace sse::test
