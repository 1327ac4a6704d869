// Is what the server shows of its streams the truth? A replica may lack what others have read, and a master may have been made a replica
// meanwhile: the server says its role in the same moment as what is judged.
#pragma once

#include <cstdint>
#include <optional>

#include "redis_session.hpp"

namespace sse {

class ReplicationWatch;

// Of one stream: since when a replica lacks something that was read elsewhere.
class ReplicaDoubt {
 private:
  friend class ReplicationWatch;
  std::optional<std::uint64_t> since_ms_;
};

class ReplicationWatch final : private redis::ReplyHandler {
 public:
  // The session must outlive this.
  explicit ReplicationWatch(redis::Session& session) : session_(session) {}

  // To be asked when an entry is not there. True: it is lost. False: it may be on its way, look again in half a second. Of a stream on a
  // replica the first answer is always this; true may follow when it has had its master for a while. A user without permission for ROLE
  // is not told, and believes what it sees.
  bool is_trusted(ReplicaDoubt& doubt, std::uint64_t now_ms) const;

  // Whether ROLE may stand in a transaction, which would fail as a whole if it were not permitted.
  bool may_join_transactions() const { return is_permitted_; }
  // What it answered there, before anything is judged by the other answers.
  void take(redis::ReplyView role, std::uint64_t now_ms);

  // Asks when it is time to. To be called about twice a second.
  void tick(std::uint64_t now_ms);

  // The connection is up: asks at once, so that the answer is there before those to what is asked next.
  void connected(std::uint64_t now_ms);
  void connection_lost() { is_asking_ = false; }

 private:
  void on_reply(const redis::Request& request, redis::ReplyView reply, std::uint64_t now_ms) override;
  void ask(std::uint64_t now_ms);

  redis::Session& session_;
  bool is_replica_ = false;
  bool is_asking_ = false;
  bool is_refused_ = false;
  bool is_permitted_ = false;  // it was answered
  std::uint64_t asked_ms_ = 0;
  std::optional<std::uint64_t> linked_ms_;  // a replica has had its master since then, as far as it was asked
};

}  // namespace sse
