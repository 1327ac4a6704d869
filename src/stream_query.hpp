// What is asked of Redis about one stream: where it ends, and pages of its entries, alone or together with what the stream is as a whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "query_pace.hpp"
#include "redis_session.hpp"
#include "replication_watch.hpp"
#include "stream_facts.hpp"
#include "stream_id.hpp"

namespace sse {

class StreamQueryOwner {
 public:
  // Entries in order; facts of the same moment if they were asked for, else null.
  virtual void on_page(redis::ReplyView entries, const StreamFacts* facts, std::uint64_t now_ms) = 0;
  // These two are for who asks for them. `info` is the answer that the facts are from; entries come with the newest first.
  virtual void on_facts(const StreamFacts& /*facts*/, redis::ReplyView /*info*/, std::uint64_t /*now_ms*/) {}
  virtual void on_page_back(redis::ReplyView /*entries*/, std::uint64_t /*now_ms*/) {}
  // Redis refused, or the answer makes no sense: none will come.
  virtual void on_no_answer(std::string_view error, std::uint64_t now_ms) = 0;

 protected:
  ~StreamQueryOwner() = default;
};

class StreamQuery final : private redis::ReplyHandler, private PacedQuestion {
 public:
  // All must outlive the query.
  StreamQuery(const std::string& key, StreamQueryOwner& owner, QueryPace& pace, ReplicationWatch& replication)
      : key_(key), owner_(owner), pace_(pace), replication_(replication) {}

  bool can_ask() const { return pace_.session().is_ready(); }

  // How soon what is asked from now on is to be sent, and what it asks for already.
  void set_urgency(Urgency urgency);
  // How many bytes an answer is likely to have; 0: no idea.
  void expect(std::size_t bytes) { expected_bytes_ = bytes; }

  // Each asks once, and requires can_ask() and that the last question was answered. Pages begin at `from` and go no further than `to`,
  // both included; at most `count` entries.
  void ask_facts(std::uint64_t now_ms) { ask({redis::RequestKind::locate, {}, {}, 0}, now_ms); }
  void ask_page(StreamId from, StreamId to, std::size_t count, std::uint64_t now_ms) {
    ask({redis::RequestKind::read, from, to, count}, now_ms);
  }
  void ask_page_and_facts(StreamId from, StreamId to, std::size_t count, std::uint64_t now_ms) {
    ask({redis::RequestKind::judge, from, to, count}, now_ms);
  }
  void ask_page_back(StreamId from, StreamId to, std::size_t count, std::uint64_t now_ms) {
    ask({redis::RequestKind::fork, from, to, count}, now_ms);
  }

  // What was asked was not sent yet: the answer will tell of everything that is there now.
  bool is_waiting() const { return PacedQuestion::is_waiting(); }

  // The connection broke, and the pace was told: no answer will come.
  void connection_lost() { in_flight_ = 0; }
  // Answers are under way to it: it must live until they have come or the connection is lost.
  bool is_awaited() const { return in_flight_ != 0; }

 private:
  struct Question {
    redis::RequestKind kind = redis::RequestKind::locate;
    StreamId from;
    StreamId to;
    std::size_t count = 0;
  };

  void ask(const Question& question, std::uint64_t now_ms);
  void send(std::uint64_t now_ms) override;
  void on_reply(const redis::Request& request, redis::ReplyView reply, std::uint64_t now_ms) override;
  void on_transaction(redis::ReplyView reply, std::uint64_t now_ms);
  void request(redis::RequestKind kind, std::initializer_list<std::string_view> arguments, std::uint64_t now_ms);
  void refuse(redis::ReplyView reply, std::uint64_t now_ms);

  const std::string& key_;
  StreamQueryOwner& owner_;
  QueryPace& pace_;
  ReplicationWatch& replication_;
  Question question_;  // the last one
  Urgency urgency_ = Urgency::prompt;
  std::size_t expected_bytes_ = 0;
  std::uint32_t in_flight_ = 0;
  std::string transaction_error_;  // the first of what was to be queued
};

}  // namespace sse
