#include "replication_watch.hpp"

namespace sse {

using redis::ReplyView;
using redis::Request;
using redis::RequestKind;

namespace {

constexpr std::uint64_t kIntervalMs = 1000;
// What a replica lacked when its link came up is there after so long.
constexpr std::uint64_t kCatchUpMs = 1000;
// What was read elsewhere comes to a linked replica in this time.
constexpr std::uint64_t kHoldMs = 500;
// A doubt lasts so long: what was doubted is looked at again in this time, on a busy worker too.
constexpr std::uint64_t kDoubtMs = 2500;

}  // namespace

bool ReplicationWatch::is_trusted(ReplicaDoubt& doubt, std::uint64_t now_ms) const {
  if (!is_replica_) {
    return true;
  }
  if (!doubt.since_ms_ || now_ms - *doubt.since_ms_ >= kDoubtMs) {
    doubt.since_ms_ = now_ms;
  }
  return linked_ms_ && now_ms - *linked_ms_ >= kCatchUpMs && now_ms - *doubt.since_ms_ >= kHoldMs;
}

void ReplicationWatch::connected(std::uint64_t now_ms) {
  is_replica_ = false;
  is_refused_ = false;
  is_permitted_ = false;
  linked_ms_.reset();
  ask(now_ms);
}

void ReplicationWatch::ask(std::uint64_t now_ms) {
  is_asking_ = true;
  asked_ms_ = now_ms;
  session_.request({RequestKind::role, nullptr, this}, {"ROLE"}, now_ms);
}

void ReplicationWatch::tick(std::uint64_t now_ms) {
  // Of a replica, whether it has had its master all the time is to be known.
  if (session_.is_ready() && !is_refused_ && !is_asking_ && (is_replica_ || now_ms - asked_ms_ >= kIntervalMs)) {
    ask(now_ms);
  }
}

void ReplicationWatch::on_reply(const Request&, ReplyView reply, std::uint64_t now_ms) {
  is_asking_ = false;
  is_permitted_ = reply.is_array();
  is_refused_ = !is_permitted_;
  take(reply, now_ms);
}

// ["master", …], or ["slave", host, port, state of the link, offset].
void ReplicationWatch::take(ReplyView role, std::uint64_t now_ms) {
  is_replica_ = role.size() >= 4 && role.at(0).text() == "slave";
  if (!is_replica_ || role.at(3).text() != "connected") {
    linked_ms_.reset();
  } else if (!linked_ms_) {
    linked_ms_ = now_ms;
  }
}

}  // namespace sse
