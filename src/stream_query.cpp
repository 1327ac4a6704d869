#include "stream_query.hpp"

#include <optional>

#include "stream_page.hpp"

namespace sse {

using redis::ReplyView;
using redis::Request;
using redis::RequestKind;

void StreamQuery::set_urgency(Urgency urgency) {
  urgency_ = urgency;
  if (urgency == Urgency::prompt) {
    pace_.hurry(*this);
  }
}

void StreamQuery::ask(const Question& question, std::uint64_t now_ms) {
  question_ = question;
  pace_.ask(*this, expected_bytes_, urgency_, now_ms);
}

void StreamQuery::request(RequestKind kind, std::initializer_list<std::string_view> arguments, std::uint64_t now_ms) {
  pace_.session().request({kind, nullptr, this}, arguments, now_ms);
  ++in_flight_;
}

void StreamQuery::send(std::uint64_t now_ms) {
  const std::string from = to_string(question_.from);
  const std::string to = to_string(question_.to);
  const std::string count = std::to_string(question_.count);
  switch (question_.kind) {
    case RequestKind::locate:
      request(RequestKind::locate, {"XINFO", "STREAM", key_}, now_ms);
      break;
    case RequestKind::judge:
      transaction_error_.clear();
      request(RequestKind::transaction, {"MULTI"}, now_ms);
      if (replication_.may_join_transactions()) {
        request(RequestKind::transaction, {"ROLE"}, now_ms);
      }
      request(RequestKind::transaction, {"XINFO", "STREAM", key_}, now_ms);
      request(RequestKind::transaction, {"XRANGE", key_, from, to, "COUNT", count}, now_ms);
      request(RequestKind::judge, {"EXEC"}, now_ms);
      break;
    case RequestKind::fork:
      request(RequestKind::fork, {"XREVRANGE", key_, to, from, "COUNT", count}, now_ms);
      break;
    default:
      request(RequestKind::read, {"XRANGE", key_, from, to, "COUNT", count}, now_ms);
      break;
  }
}

void StreamQuery::on_reply(const Request& request, ReplyView reply, std::uint64_t now_ms) {
  --in_flight_;
  if (request.kind != RequestKind::transaction) {
    pace_.answered(*this, now_ms);
  }
  switch (request.kind) {
    case RequestKind::transaction:
      if (reply.is_error() && transaction_error_.empty()) {
        transaction_error_ = reply.text();
      }
      break;
    case RequestKind::judge:
      on_transaction(reply, now_ms);
      break;
    case RequestKind::locate:
      if (const std::optional<StreamFacts> facts = parse_stream_facts(reply)) {
        owner_.on_facts(*facts, reply, now_ms);
      } else {
        refuse(reply, now_ms);
      }
      break;
    default:
      if (!reply.is_array()) {
        refuse(reply, now_ms);
      } else if (request.kind == RequestKind::fork) {
        owner_.on_page_back(reply, now_ms);
      } else {
        owner_.on_page(reply, nullptr, now_ms);
      }
      break;
  }
}

// [ROLE's answer, if it was asked,] XINFO's, XRANGE's. What could not be queued says why EXEC was refused.
void StreamQuery::on_transaction(ReplyView reply, std::uint64_t now_ms) {
  if (!transaction_error_.empty()) {
    owner_.on_no_answer(std::string(transaction_error_), now_ms);
    return;
  }
  if (reply.size() != 2 && reply.size() != 3) {
    refuse(reply, now_ms);
    return;
  }
  const std::size_t first = reply.size() - 2;
  if (first != 0) {
    replication_.take(reply.at(0), now_ms);
  }
  const ReplyView info = reply.at(first);
  const ReplyView page = reply.at(first + 1);
  const std::optional<StreamFacts> facts = parse_stream_facts(info);
  if (facts && page.is_array()) {
    owner_.on_page(page, &*facts, now_ms);
  } else {
    refuse(facts ? page : info, now_ms);
  }
}

void StreamQuery::refuse(ReplyView reply, std::uint64_t now_ms) {
  owner_.on_no_answer(reply.is_error() ? reply.text() : kStrangeAnswer, now_ms);
}

}  // namespace sse
