// Makes lanes return before their time, by CLIENT UNBLOCK on the command connection. A client id means something on one server in one
// life only: used after a restart it would end the blocking command of a stranger.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "logger.hpp"
#include "redis_session.hpp"

namespace sse {

// One wait of one lane. Its own reply ends it, never the answer to UNBLOCK.
class Unblockable {
 public:
  // Asking had no effect, or it is not known: a reply is under way, or the command that blocks had not come to the server yet, or the
  // connection that asked was lost.
  virtual void not_unblocked(std::uint64_t wait) = 0;

 protected:
  ~Unblockable() = default;
};

class Unblocker final : private redis::ReplyHandler {
 public:
  Unblocker(redis::Session& command, Logger& logger) : command_(command), logger_(logger) {}

  bool is_usable() const { return command_.is_ready() && !is_refused_; }

  // Ids that were asked for before this number changed are worth nothing.
  std::uint64_t epoch() const { return epoch_; }

  // Requires is_usable(), and an id of this epoch. `wait`: the target's own number for what is to end.
  void unblock(Unblockable& target, std::int64_t client_id, std::uint64_t wait, std::uint64_t now_ms);
  // The target goes away.
  void forget(const Unblockable& target);

  // Any connection to the server is lost.
  void connection_lost() { ++epoch_; }
  // The command connection is lost.
  void command_lost();

 private:
  struct Asked {
    Unblockable* target;  // null: gone
    std::uint64_t wait;
  };

  void on_reply(const redis::Request& request, redis::ReplyView reply, std::uint64_t now_ms) override;

  redis::Session& command_;
  Logger& logger_;
  std::uint64_t epoch_ = 0;
  bool is_refused_ = false;  // by the server that the command connection leads to
  std::deque<Asked> asked_;  // in the order of the answers
};

}  // namespace sse
