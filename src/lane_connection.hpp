// What lanes need from outside: sockets, and somebody who comes back in time.
#pragma once

#include <memory>
#include <string>

#include "redis_session.hpp"

namespace sse {

class LaneConnectionOwner {
 public:
  // The socket is closed; a new one is on its way.
  virtual void connection_lost() = 0;

 protected:
  ~LaneConnectionOwner() = default;
};

// One lane's socket. Closes without a word when it is destroyed.
class LaneConnection {
 public:
  virtual ~LaneConnection() = default;
  virtual redis::SessionTransport& transport() = 0;
  // Connects, and keeps at it. The session is used until the connection is destroyed.
  virtual void start(redis::Session& session) = 0;
  // The connection is of no use: gives it up, tells the owner, and connects again after a while.
  virtual void fail(const std::string& why) = 0;
  // The same, if the session says that the server owes an answer for too long.
  virtual void check_timeout() = 0;
};

class LaneHost {
 public:
  // The owner outlives the connection.
  virtual std::unique_ptr<LaneConnection> make_connection(LaneConnectionOwner& owner) = 0;
  // Lanes::next_due_ms() may be sooner than it was.
  virtual void on_due() = 0;

 protected:
  ~LaneHost() = default;
};

}  // namespace sse
