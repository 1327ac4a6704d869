#include "redis_session.hpp"

#include <algorithm>
#include <cassert>
#include <vector>

#include "printable.hpp"

namespace sse::redis {

namespace {

// An output buffer that grew beyond this is given back once it is written.
constexpr std::size_t kKeptOutputBytes = 64 * 1024;

// hiredis moves what it has not read yet to the front after each kilobyte: it is never given much.
constexpr std::size_t kFeedBytes = 16 * 1024;

bool is_push(ReplyView reply) {
  if (reply.type() != ReplyType::array || reply.size() < 3 || !reply.at(0).is_text()) {
    return false;
  }
  const std::string_view kind = reply.at(0).text();
  return kind == "message" || kind == "pmessage";
}

std::string text_of(ReplyView reply) { return reply.is_text() ? std::string(reply.text()) : std::string(); }

}  // namespace

void Session::connected(std::uint64_t now_ms) {
  state_ = State::login;
  is_cut_off_ = false;
  last_received_ms_ = now_ms;
  error_.clear();
  server_ = ServerInfo();

  std::vector<std::string_view> hello = {"HELLO", "2"};
  if (!login_.user.empty() || !login_.password.empty()) {
    hello.insert(hello.end(), {"AUTH", login_.user.empty() ? std::string_view("default") : std::string_view(login_.user), login_.password});
  }
  hello.insert(hello.end(), {"SETNAME", login_.client_name});
  send({RequestKind::hello}, hello.data(), hello.size(), now_ms);
  if (login_.db != 0) {
    const std::string db = std::to_string(login_.db);
    const std::string_view select[] = {"SELECT", db};
    send({RequestKind::select}, select, 2, now_ms);
  }
}

void Session::disconnected() {
  state_ = State::disconnected;
  reader_.reset();
  unanswered_.clear();
  output_.clear();
  output_.shrink_to_fit();
  written_ = 0;
}

void Session::request(const Request& request, std::initializer_list<std::string_view> arguments, std::uint64_t now_ms) {
  assert(is_ready());
  send(request, arguments.begin(), arguments.size(), now_ms);
}

void Session::request(const Request& request, const std::vector<std::string_view>& arguments, std::uint64_t now_ms) {
  assert(is_ready());
  send(request, arguments.data(), arguments.size(), now_ms);
}

void Session::send(const Request& request, const std::string_view* arguments, std::size_t count, std::uint64_t now_ms) {
  const bool was_empty = output().empty();
  append_command(output_, arguments, count);
  unanswered_.push_back({request, now_ms});
  if (was_empty) {
    transport_.on_output();
  }
}

void Session::written(std::size_t bytes) {
  written_ += bytes;
  assert(written_ <= output_.size());
  if (written_ == output_.size()) {
    output_.clear();
    written_ = 0;
    if (output_.capacity() > kKeptOutputBytes) {
      output_.shrink_to_fit();
    }
  }
}

bool Session::receive(std::string_view bytes, std::uint64_t now_ms) {
  last_received_ms_ = now_ms;
  for (std::size_t at = 0; at < bytes.size(); at += kFeedBytes) {
    const std::string_view piece = bytes.substr(at, kFeedBytes);
    received_bytes_ += piece.size();
    if (!reader_.feed(piece)) {
      return fail("out of memory for a reply");
    }
    if (!dispatch_replies(now_ms)) {
      return false;
    }
  }
  return true;
}

bool Session::dispatch_replies(std::uint64_t now_ms) {
  for (;;) {
    ReplyView reply;
    switch (reader_.next(reply)) {
      case ReplyReader::Result::need_more:
        return true;
      case ReplyReader::Result::too_large:
        return fail("the server sent a reply that is larger than the limit");
      case ReplyReader::Result::malformed:
        return fail("the server sent what is not the Redis protocol");
      case ReplyReader::Result::reply:
        break;
    }
    if (!dispatch(reply, now_ms)) {
      return false;
    }
  }
}

bool Session::dispatch(ReplyView reply, std::uint64_t now_ms) {
  if (is_push(reply)) {
    observer_.on_push(reply, now_ms);
    return true;
  }
  if (unanswered_.empty()) {
    const bool is_told_why = reply.type() == ReplyType::error && !reply.text().empty();
    return fail(is_told_why ? reply.text() : "the server sent an answer that nobody asked for");
  }
  const Request request = unanswered_.front().request;
  unanswered_.pop_front();
  if (request.kind == RequestKind::hello || request.kind == RequestKind::select) {
    return login_reply(request.kind, reply, now_ms);
  }
  ReplyHandler* const handler = request.handler == nullptr ? &observer_ : request.handler;
  handler->on_reply(request, reply, now_ms);
  return true;
}

bool Session::login_reply(RequestKind kind, ReplyView reply, std::uint64_t now_ms) {
  if (reply.type() == ReplyType::error) {
    const std::string_view text = reply.text();
    if (kind == RequestKind::hello && text.find("unknown command") != std::string_view::npos) {
      return fail("the server does not know HELLO: Redis 6.0 or newer is needed");
    }
    return fail((kind == RequestKind::hello ? "login refused: " : "SELECT refused: ") + std::string(text));
  }
  if (kind == RequestKind::hello) {
    for (std::size_t i = 0; reply.type() == ReplyType::array && i + 1 < reply.size(); i += 2) {
      const std::string key = text_of(reply.at(i));
      if (key == "version") {
        server_.version = text_of(reply.at(i + 1));
      } else if (key == "mode") {
        server_.mode = text_of(reply.at(i + 1));
      } else if (key == "role") {
        server_.role = text_of(reply.at(i + 1));
      } else if (key == "id") {
        server_.client_id = reply.at(i + 1).integer();
      }
    }
  }
  if (unanswered_.empty()) {
    state_ = State::ready;
    observer_.on_ready(server_, now_ms);
  }
  return true;
}

bool Session::check_timeout(std::uint64_t now_ms) {
  if (unanswered_.empty() || answer_timeout_ms_ == 0) {
    return true;
  }
  // A server that is busy sending is not dead: its answers stand behind what it sends.
  const std::uint64_t since_ms = std::max(unanswered_.front().sent_ms, last_received_ms_);
  const std::uint64_t allowed_ms = answer_timeout_ms_ + unanswered_.front().request.block_ms;
  if (now_ms - since_ms < allowed_ms) {
    return true;
  }
  return fail("no answer within " + std::to_string(allowed_ms) + " ms");
}

bool Session::fail(std::string_view error) {
  error_ = printable(error);
  return false;
}

}  // namespace sse::redis
