// A Redis server that keeps streams, for who reads them through a command connection: answers as Redis 7 does in RESP2.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fake_redis.hpp"
#include "stream_id.hpp"
#include "stream_model.hpp"

namespace sse::test {

class FakeStreamServer {
 public:
  // A copy is an earlier state to go back to.
  struct Stream {
    void add(StreamId id, std::string_view data) {
      model.add(id);
      texts[id] = data;
    }
    StreamModel model;
    std::map<StreamId, std::string> texts;  // `data` of every entry that was added
  };

  struct Client {
    std::string input;
    std::string output;  // not yet on its way
    std::vector<Command> commands;
    std::optional<std::vector<Command>> transaction;
    bool is_spoiled = false;  // EXEC will refuse
  };

  std::map<std::string, Stream> streams;
  std::map<std::string, std::string> refusals;  // by key: what every command for it is answered with
  std::string role = array({bulk("master"), integer(0), array({})});

  // A replica whose link to its master is "connected", or what else Redis calls it.
  void be_replica(const char* link) { role = array({bulk("slave"), bulk("127.0.0.1"), integer(6379), bulk(link), integer(100)}); }

  Client& connect() { return clients_.emplace_back(); }
  void disconnect(Client& client) {
    clients_.remove_if([&client](const Client& one) { return &one == &client; });
  }

  void read(Client& client, std::string_view bytes) {
    client.input += bytes;
    for (Command command = take_command(client.input); !command.empty(); command = take_command(client.input)) {
      client.commands.push_back(command);
      client.output += answer(client, command);
    }
  }

  // Retained entries of (from, …), at most `count`, as XRANGE and XREAD give them.
  std::string entries_after(const std::string& key, StreamId from, std::size_t count) const {
    return range(key, from.next(), kLastStreamId, count, false);
  }
  std::size_t count_after(const std::string& key, StreamId from) const { return retained(key, from.next(), kLastStreamId).size(); }

 private:
  static bool is_for_a_key(const Command& command) { return command[0][0] == 'X'; }
  static const std::string& key_of(const Command& command) { return command[0] == "XINFO" ? command[2] : command[1]; }

  const std::string* refusal_of(const Command& command) const {
    const auto found = is_for_a_key(command) ? refusals.find(key_of(command)) : refusals.end();
    return found == refusals.end() ? nullptr : &found->second;
  }
  // Told when the command is run, not when it is queued.
  static bool is_of_the_value(const std::string& error) { return error.compare(0, 9, "WRONGTYPE") == 0; }

  std::string answer(Client& client, const Command& command) {
    if (command[0] == "HELLO") {
      return hello_reply();
    }
    if (command[0] == "PING") {
      return "+PONG\r\n";
    }
    if (command[0] == "MULTI") {
      client.transaction.emplace();
      client.is_spoiled = false;
      return "+OK\r\n";
    }
    if (command[0] == "EXEC") {
      return execute(client);
    }
    if (client.transaction) {
      const std::string* refusal = refusal_of(command);
      if (refusal != nullptr && !is_of_the_value(*refusal)) {
        client.is_spoiled = true;
        return "-" + *refusal + "\r\n";
      }
      client.transaction->push_back(command);
      return "+QUEUED\r\n";
    }
    return run(command);
  }

  std::string execute(Client& client) {
    std::vector<std::string> answers;
    for (const Command& queued : *client.transaction) {
      answers.push_back(run(queued));
    }
    client.transaction.reset();
    return client.is_spoiled ? "-EXECABORT Transaction discarded because of previous errors.\r\n" : array(answers);
  }

  std::string run(const Command& command) const {
    if (command[0] == "ROLE") {
      return role;
    }
    if (const std::string* refusal = refusal_of(command)) {
      return "-" + *refusal + "\r\n";
    }
    if (command[0] == "XINFO") {
      return info(command[2]);
    }
    if (command[0] == "XRANGE") {
      return range(command[1], bound(command[2]), bound(command[3]), std::stoul(command[5]), false);
    }
    if (command[0] == "XREVRANGE") {
      return range(command[1], bound(command[3]), bound(command[2]), std::stoul(command[5]), true);
    }
    ADD_FAILURE() << command[0];
    return "-ERR unknown command\r\n";
  }

  static StreamId bound(const std::string& text) {
    return text == "-" ? kFirstStreamId : text == "+" ? kLastStreamId : parse_stream_id(text).value();
  }

  std::vector<StreamId> retained(const std::string& key, StreamId from, StreamId to) const {
    std::vector<StreamId> ids;
    const auto stream = streams.find(key);
    if (stream != streams.end()) {
      for (auto text = stream->second.texts.lower_bound(from); text != stream->second.texts.end() && text->first <= to; ++text) {
        if (stream->second.model.is_retained(text->first)) {
          ids.push_back(text->first);
        }
      }
    }
    return ids;
  }

  std::string range(const std::string& key, StreamId from, StreamId to, std::size_t count, bool is_reverse) const {
    std::vector<StreamId> ids = retained(key, from, to);
    if (is_reverse) {
      std::reverse(ids.begin(), ids.end());
    }
    ids.resize(std::min(ids.size(), count));
    std::vector<std::string> entries;
    for (const StreamId id : ids) {
      entries.push_back(entry(streams.at(key), id));
    }
    return array(entries);
  }

  static std::string entry(const Stream& stream, StreamId id) {
    return array({bulk(to_string(id)), array({bulk("data"), bulk(stream.texts.at(id))})});
  }

  std::string info(const std::string& key) const {
    const auto found = streams.find(key);
    if (found == streams.end()) {
      return "-ERR no such key\r\n";
    }
    const Stream& stream = found->second;
    const StreamFacts facts = stream.model.facts();
    const auto whole = [&](const std::optional<StreamId>& id) { return id ? entry(stream, *id) : std::string("*-1\r\n"); };
    return array({bulk("length"), integer(facts.length), bulk("last-generated-id"), bulk(to_string(facts.last_generated)),
                  bulk("max-deleted-entry-id"), bulk(to_string(facts.max_deleted)), bulk("entries-added"), integer(facts.entries_added),
                  bulk("groups"), integer(0), bulk("first-entry"), whole(facts.first), bulk("last-entry"), whole(facts.last)});
  }

  std::list<Client> clients_;
};

}  // namespace sse::test
