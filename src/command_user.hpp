// Who sends commands through a broker's command connection, beside the connection's owner.
#pragma once

#include <cstdint>

namespace sse {

class CommandUser {
 public:
  // The connection is up: requests may be sent.
  virtual void commands_ready(std::uint64_t now_ms) = 0;
  // It broke, and its session was told: no answer will come.
  virtual void commands_lost() = 0;

 protected:
  ~CommandUser() = default;
};

}  // namespace sse
