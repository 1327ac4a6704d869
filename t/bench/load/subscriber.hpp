#pragma once

#include "event_reader.hpp"
#include "response.hpp"
#include "socket.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace sse::bench {

// One client of the server under test. The reader that owns it drives it by what epoll says.
struct Subscriber {
  enum class State : uint8_t { connecting, handshaking, asking, waiting, open, closed };

  uint32_t index = 0;  // among those of all processes
  State state = State::connecting;
  bool is_stalled = false;
  Socket socket;
  Response response;
  EventReader events;
  std::string pending;         // to be sent
  std::vector<uint32_t> next;  // see Tally::add
};

}  // namespace sse::bench
