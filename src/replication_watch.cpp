#include "replication_watch.hpp"

namespace sse {

using redis::ReplyView;
using redis::Request;
using redis::RequestKind;

namespace {

constexpr std::uint64_t kIntervalMs = 1000;
// What a replica lacked when its link came up is there after so long.
constexpr std::uint64_t kCatchUpMs = 1000;
// A doubt lasts so long: what was doubted is looked at again in this time, on a busy worker too.
constexpr std::uint64_t kDoubtMs = 2000;

}  // namespace

bool ReplicationWatch::is_trusted() {
  if (!is_replica_ || is_certain_) {
    return true;
  }
  is_doubted_ = true;
  return false;
}

void ReplicationWatch::connected(std::uint64_t now_ms) {
  is_permitted_ = true;
  is_replica_ = false;
  is_certain_ = false;
  is_doubted_ = false;
  doubted_ms_ = 0;
  linked_ms_.reset();
  ask(now_ms);
}

void ReplicationWatch::ask(std::uint64_t now_ms) {
  is_asking_ = true;
  asked_ms_ = now_ms;
  session_.request({RequestKind::role, nullptr, this}, {"ROLE"}, now_ms);
}

void ReplicationWatch::tick(std::uint64_t now_ms) {
  if (is_doubted_) {
    is_doubted_ = false;
    doubted_ms_ = now_ms;
  }
  const bool is_in_doubt = doubted_ms_ != 0 && now_ms - doubted_ms_ < kDoubtMs;
  // The link may break at any time: an answer counts for what is looked at right after it.
  is_certain_ = false;
  if (session_.is_ready() && is_permitted_ && !is_asking_ && (is_in_doubt || now_ms - asked_ms_ >= kIntervalMs)) {
    ask(now_ms);
  }
}

// ["master", …], or ["slave", host, port, state of the link, offset].
void ReplicationWatch::on_reply(const Request&, ReplyView reply, std::uint64_t now_ms) {
  is_asking_ = false;
  is_permitted_ = reply.is_array();
  is_replica_ = reply.size() >= 4 && reply.at(0).text() == "slave";
  if (!is_replica_ || reply.at(3).text() != "connected") {
    linked_ms_.reset();
  } else if (!linked_ms_) {
    linked_ms_ = now_ms;
  }
  is_certain_ = linked_ms_ && now_ms - *linked_ms_ >= kCatchUpMs && doubted_ms_ != 0 && asked_ms_ - doubted_ms_ < kDoubtMs;
}

}  // namespace sse
