#include "replication_watch.hpp"

namespace sse {

using redis::ReplyView;
using redis::Request;
using redis::RequestKind;

namespace {

constexpr std::uint64_t kIntervalMs = 1000;

}  // namespace

void ReplicationWatch::connected(std::uint64_t now_ms) {
  is_permitted_ = true;
  is_asking_ = true;
  asked_ms_ = now_ms;
  session_.request({RequestKind::role, nullptr, this}, {"ROLE"}, now_ms);
}

void ReplicationWatch::tick(std::uint64_t now_ms) {
  if (session_.is_ready() && is_permitted_ && !is_asking_ && now_ms - asked_ms_ >= kIntervalMs) {
    connected(now_ms);
  }
}

// ["master", …], or ["slave", host, port, state of the link, offset].
void ReplicationWatch::on_reply(const Request&, ReplyView reply, std::uint64_t) {
  is_asking_ = false;
  is_permitted_ = reply.is_array();
  is_trusted_ = !is_permitted_ || reply.size() < 4 || reply.at(0).text() != "slave" || reply.at(3).text() == "connected";
}

}  // namespace sse
