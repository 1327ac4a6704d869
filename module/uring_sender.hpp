// Sends of several connections by one system call: io_uring as a batched send(), nothing else of it.
//
// The flags are what makes it safe. MSG_DONTWAIT: a send is over when it was submitted, and the kernel does not go on by itself.
// MSG_WAITALL: a send that was cut short is not a success, so that IOSQE_CQE_SKIP_SUCCESS leaves out those alone that took everything.
#pragma once

#include <liburing.h>

#include <memory>
#include <string_view>

#include "direct_writer.hpp"
#include "ngx.hpp"
#include "send_group.hpp"

namespace sse::ngx {

class UringSender final : public GroupSender {
 public:
  // Null when the kernel, or what this process may do, is not up to it: the log says so.
  static std::unique_ptr<UringSender> open(ngx_log_t* log);

  UringSender(const UringSender&) = delete;
  UringSender& operator=(const UringSender&) = delete;
  ~UringSender();

  // For places that are DirectWriters.
  void send(SendGroup& group) override;

 private:
  UringSender() = default;

  // Queues the send number `index` of a group; its answer will be in answers_.
  void queue(std::size_t index, ngx_socket_t fd, std::string_view bytes);
  // Makes the kernel do what is queued: afterwards answers_ are final. False when the ring does not work any more; what was not done is
  // answered with an error.
  bool submit(std::size_t count);

  // Sends to a socket of its own, as a subscriber's may be: with room, full, broken. What is not as it must be; null: nothing.
  const char* probe();
  const char* probe_sends(ngx_socket_t (&sockets)[2]);

  io_uring ring_{};
  bool is_open_ = false;
  int answers_[SendGroup::kMaxSends] = {};  // bytes taken, or a negative error
};

}  // namespace sse::ngx
