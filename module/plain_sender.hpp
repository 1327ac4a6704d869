// Sends of several connections, one system call for each. Worth a group all the same: the kernel's code stays in the processor's
// caches from one send to the next, and so does ours while the group is gathered.
#pragma once

#include "direct_writer.hpp"
#include "send_group.hpp"

namespace sse::ngx {

class PlainSender final : public GroupSender {
 public:
  // For places that are DirectWriters.
  void send(SendGroup& group) override {
    for (GroupedSend& send : group) {
      send.result = static_cast<DirectWriter*>(send.place)->send_piece(send.piece);
    }
  }
};

}  // namespace sse::ngx
