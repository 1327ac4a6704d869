// One connection to Redis as a state machine: bytes in, bytes out. Logs in, pipelines requests, tells answers from pushed messages,
// and knows when the server owes an answer for too long. The socket and the clock are the caller's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "redis_reply.hpp"
#include "reply_reader.hpp"

namespace sse::redis {

struct Login {
  std::string user;      // empty with a password: the default user
  std::string password;  // both empty: no AUTH
  std::uint32_t db = 0;
  std::string client_name;  // as CLIENT LIST shows it; no spaces
};

struct ServerInfo {
  std::string version;
  std::string mode;
  std::string role;
  std::int64_t client_id = 0;  // of this connection, as CLIENT UNBLOCK takes it; 0: not told
};

enum class RequestKind : std::uint8_t {
  hello,
  select,
  subscribe,
  unsubscribe,
  probe_subscribe,
  probe_publish,
  ping,
  transaction,  // MULTI and what is queued in it: "+OK", "+QUEUED"
  locate,       // XINFO: where a stream ends
  read,         // XRANGE from an entry of a stream on
  judge,        // EXEC: what a stream is, and a page of it
  start,        // where so many of the newest entries begin
  fork,         // XREVRANGE: what a stream and a log have in common
  lane,         // XREAD of many streams
  lane_probe,   // of one of them
  lane_id,      // HELLO once more: the id of this connection
  unblock,
  role,
};

class ReplyHandler;

struct Request {
  RequestKind kind;
  void* context = nullptr;  // the requester's; not touched
  ReplyHandler* handler =
      nullptr;                 // who gets the answer; null: the session's observer. Must live until then, or until the connection is lost
  std::uint64_t block_ms = 0;  // the server was asked to take so long before it answers
};

class ReplyHandler {
 public:
  // The answer to a request, an error included, in the order of the requests.
  virtual void on_reply(const Request& request, ReplyView reply, std::uint64_t now_ms) = 0;

 protected:
  ~ReplyHandler() = default;
};

class SessionObserver : public ReplyHandler {
 public:
  // Logged in: requests may be sent.
  virtual void on_ready(const ServerInfo& server, std::uint64_t now_ms) = 0;
  // A published message: `message` or `pmessage`.
  virtual void on_push(ReplyView push, std::uint64_t now_ms) = 0;

 protected:
  ~SessionObserver() = default;
};

class SessionTransport {
 public:
  // There are bytes to write where there were none.
  virtual void on_output() = 0;

 protected:
  ~SessionTransport() = default;
};

class Session {
 public:
  // `answer_timeout_ms`: how long the server may be silent while it owes an answer.
  Session(Login login, SessionObserver& observer, SessionTransport& transport, ReplyLimits reply_limits, std::uint64_t answer_timeout_ms)
      : login_(std::move(login)),
        observer_(observer),
        transport_(transport),
        reader_(reply_limits),
        answer_timeout_ms_(answer_timeout_ms) {}

  // The socket is connected: begins to log in.
  void connected(std::uint64_t now_ms);

  // False when the connection is of no more use; error() says why. The caller closes it and calls disconnected().
  bool receive(std::string_view bytes, std::uint64_t now_ms);

  // The server, or the network, ended the connection. To be called before disconnected().
  void ended_by_server() { is_cut_off_ = reader_.is_amid_reply(); }
  // It did so in the middle of what it was sending. Until the next connection.
  bool is_cut_off() const { return is_cut_off_; }

  // The socket is closed: every request without an answer is forgotten, nothing unsent is kept.
  void disconnected();

  bool is_ready() const { return state_ == State::ready; }

  // Requires is_ready().
  void request(const Request& request, std::initializer_list<std::string_view> arguments, std::uint64_t now_ms);
  void request(const Request& request, const std::vector<std::string_view>& arguments, std::uint64_t now_ms);

  // False when the server owes an answer for too long; error() says so.
  bool check_timeout(std::uint64_t now_ms);

  std::string_view output() const { return std::string_view(output_).substr(written_); }
  void written(std::size_t bytes);

  std::uint32_t db() const { return login_.db; }
  std::uint64_t last_received_ms() const { return last_received_ms_; }
  // In all, up to the answer or message that is being handed out; told apart by pieces of some kilobytes.
  std::uint64_t received_bytes() const { return received_bytes_; }
  // One line, fit for a log; what the server said may be in it.
  const std::string& error() const { return error_; }

 private:
  enum class State : std::uint8_t { disconnected, login, ready };

  struct Unanswered {
    Request request;
    std::uint64_t sent_ms;
  };

  void send(const Request& request, const std::string_view* arguments, std::size_t count, std::uint64_t now_ms);
  bool dispatch_replies(std::uint64_t now_ms);
  bool dispatch(ReplyView reply, std::uint64_t now_ms);
  bool login_reply(RequestKind kind, ReplyView reply, std::uint64_t now_ms);
  bool fail(std::string_view error);

  Login login_;
  SessionObserver& observer_;
  SessionTransport& transport_;
  ReplyReader reader_;
  std::uint64_t answer_timeout_ms_;

  State state_ = State::disconnected;
  bool is_cut_off_ = false;
  ServerInfo server_;
  std::deque<Unanswered> unanswered_;
  std::string output_;
  std::size_t written_ = 0;
  std::uint64_t last_received_ms_ = 0;
  std::uint64_t received_bytes_ = 0;
  std::string error_;
};

}  // namespace sse::redis
