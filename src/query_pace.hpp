// When a question about a stream is sent: so few are under way at once that their answers cannot pile up in Redis. It answers what it
// has read of a connection's commands before it turns to other clients, and holds answers without a limit; after a reconnect, every
// channel of a worker has a question, and an entry may have a megabyte.
//
// Nobody knows an answer's size before it is there. What a question stands for is what its asker expects, but no less than what answers
// had lately: on a new connection, as long as nothing is known, a page.
#pragma once

#include <cstddef>
#include <cstdint>

#include "list.hpp"
#include "redis_session.hpp"

namespace sse {

struct ByTurn;  // tag of the lists of QueryPace

enum class Urgency : std::uint8_t {
  prompt,  // somebody waits for the answer, or there is news
  idle,    // to be sure
};

// A question that waits for its turn, or is under way, or neither. May be destroyed while it waits.
class PacedQuestion : public ListNode<ByTurn> {
 public:
  bool is_waiting() const { return is_linked(); }

 protected:
  ~PacedQuestion() = default;

 private:
  friend class QueryPace;

  // Its turn has come. The connection is up.
  virtual void send(std::uint64_t now_ms) = 0;

  std::size_t bytes_ = 0;  // expected; once it is under way, what it stands for
  Urgency urgency_ = Urgency::idle;
};

class QueryPace final {
 public:
  // Of all answers that are under way. Answers from 1 MiB entries took Redis up to 5 ms for each MiB.
  static constexpr std::size_t kMostBytes = std::size_t{4} * 1024 * 1024;

  // The session, over which all questions go, must outlive this.
  explicit QueryPace(redis::Session& session, std::size_t most_bytes = kMostBytes) : session_(session), most_bytes_(most_bytes) {}

  redis::Session& session() const { return session_; }

  // Sends the question now, or when there is room. Requires that the connection is up, and that this question is neither waiting nor
  // under way.
  void ask(PacedQuestion& question, std::size_t expected_bytes, Urgency urgency, std::uint64_t now_ms);
  // It waits, and somebody waits for it now.
  void hurry(PacedQuestion& question);
  // The answer to a question that was sent is there.
  void answered(PacedQuestion& question, std::uint64_t now_ms);
  // No answer will come, and nothing waits any more.
  void connection_lost();

 private:
  PacedQuestion* next();
  void send_next(std::uint64_t now_ms);

  redis::Session& session_;
  const std::size_t most_bytes_;
  List<PacedQuestion, ByTurn> prompt_;
  List<PacedQuestion, ByTurn> idle_;
  std::uint32_t turn_ = 0;
  std::size_t under_way_bytes_ = 0;
  std::size_t usual_bytes_ = 0;       // of an answer, lately; set by the first question of a connection
  std::uint64_t received_bytes_ = 0;  // by the session, when the last answer was there
  bool is_begun_ = false;             // something was asked since the connection broke
};

}  // namespace sse
