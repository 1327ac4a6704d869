// Is what the server shows of its streams the truth? A replica without its master may lack what others have read, and a master may have
// been made a replica meanwhile: the server is asked for its role now and then.
#pragma once

#include <cstdint>

#include "redis_session.hpp"

namespace sse {

class ReplicationWatch final : private redis::ReplyHandler {
 public:
  // The session must outlive this.
  explicit ReplicationWatch(redis::Session& session) : session_(session) {}

  // False for a replica whose link to its master is down: that an entry is not there proves nothing. A user without permission for ROLE is
  // not told, and believes what it sees.
  bool is_trusted() const { return is_trusted_; }

  // Asks when it is time to. To be called about twice a second.
  void tick(std::uint64_t now_ms);

  // The connection is up: asks at once, so that the answer is there before those to what is asked next.
  void connected(std::uint64_t now_ms);
  void connection_lost() { is_asking_ = false; }

 private:
  void on_reply(const redis::Request& request, redis::ReplyView reply, std::uint64_t now_ms) override;

  redis::Session& session_;
  bool is_trusted_ = true;
  bool is_asking_ = false;
  bool is_permitted_ = true;
  std::uint64_t asked_ms_ = 0;
};

}  // namespace sse
