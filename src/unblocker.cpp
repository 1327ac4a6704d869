#include "unblocker.hpp"

#include <cassert>
#include <string>

#include "passing_error.hpp"
#include "printable.hpp"

namespace sse {

void Unblocker::unblock(Unblockable& target, std::int64_t client_id, std::uint64_t wait, std::uint64_t now_ms) {
  assert(is_usable());
  asked_.push_back({&target, wait});
  const std::string id = std::to_string(client_id);
  redis::Request request = {redis::RequestKind::unblock};
  request.handler = this;
  command_.request(request, {"CLIENT", "UNBLOCK", id}, now_ms);
}

void Unblocker::forget(const Unblockable& target) {
  for (Asked& asked : asked_) {
    if (asked.target == &target) {
      asked.target = nullptr;
    }
  }
}

void Unblocker::command_lost() {
  connection_lost();
  is_refused_ = false;
  while (!asked_.empty()) {
    const Asked asked = asked_.front();
    asked_.pop_front();
    if (asked.target != nullptr) {
      asked.target->not_unblocked(asked.wait);
    }
  }
}

void Unblocker::on_reply(const redis::Request&, redis::ReplyView reply, std::uint64_t) {
  const Asked asked = asked_.front();
  asked_.pop_front();
  if (reply.is_error() && !redis::is_passing_error(reply.text())) {
    if (!is_refused_) {
      logger_.log(LogLevel::notice,
                  printable("new streams get connections of their own, CLIENT UNBLOCK is refused: " + std::string(reply.text())));
    }
    is_refused_ = true;
  }
  const bool was_blocked = !reply.is_error() && reply.integer() == 1;
  if (asked.target != nullptr && !was_blocked) {
    asked.target->not_unblocked(asked.wait);
  }
}

}  // namespace sse
