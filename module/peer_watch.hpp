// Notices that a client has vanished: bytes were handed to the kernel, and nobody acknowledges them.
//
// TCP_USER_TIMEOUT would do this, but it also cuts clients that live: the kernel counts from the first probe of a closed window, goes on
// counting while the client takes less than what waits at the queue's head, and forgets to stop (seen with Linux 6.18: a client that took
// 50 KB/s was cut; one that had taken everything was cut when its window closed again, for a moment, later).
#pragma once

#include <cstdint>

#include "ngx.hpp"

namespace sse::ngx {

class PeerWatch {
 public:
  // Whether bytes have waited for the peer for `timeout_ms`, and nothing came from it meanwhile, not even "no room". To be asked again and
  // again: the time counts from the first question.
  bool is_gone(const ngx_connection_t* c, std::uint64_t timeout_ms, std::uint64_t now_ms);

 private:
  bool waits_ = false;
  std::uint64_t unheard_since_ms_ = 0;  // while waits_
};

}  // namespace sse::ngx
