#include "uring_sender.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

namespace sse::ngx {

namespace {

constexpr char kPlainSends[] = "each event is sent by a system call of its own";

}  // namespace

std::unique_ptr<UringSender> UringSender::open(ngx_log_t* log) {
  std::unique_ptr<UringSender> sender(new UringSender);
  const int error = io_uring_queue_init(SendGroup::kMaxSends, &sender->ring_, 0);
  if (error < 0) {
    ngx_log_error(NGX_LOG_NOTICE, log, -error, "sse_batch_send: io_uring_queue_init() failed, %s", kPlainSends);
    return nullptr;
  }
  sender->is_open_ = true;
  io_uring_register_ring_fd(&sender->ring_);  // spares the kernel a look-up; older ones cannot
  if (const char* wrong = sender->probe()) {
    ngx_log_error(NGX_LOG_NOTICE, log, 0, "sse_batch_send: io_uring is not usable (%s), %s", wrong, kPlainSends);
    return nullptr;
  }
  return sender;
}

UringSender::~UringSender() {
  if (is_open_) {
    io_uring_queue_exit(&ring_);
  }
}

void UringSender::send(SendGroup& group) {
  const bool usable = is_open_;
  std::size_t index = 0;
  for (const GroupedSend& send : group) {
    if (usable) {
      queue(index++, static_cast<DirectWriter*>(send.place)->fd(), {send.piece.data, send.piece.size});
    } else {
      answers_[index++] = -EAGAIN;
    }
  }
  if (usable && !submit(group.size())) {
    ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, 0, "sse_batch_send: io_uring failed, from now on %s", kPlainSends);
    io_uring_queue_exit(&ring_);
    is_open_ = false;
  }
  index = 0;
  for (GroupedSend& send : group) {
    send.result = static_cast<DirectWriter*>(send.place)->was_sent(send.piece, answers_[index++]);
  }
}

void UringSender::queue(std::size_t index, ngx_socket_t fd, std::string_view bytes) {
  io_uring_sqe* sqe = io_uring_get_sqe(&ring_);  // never null: a group is no larger than the ring, and each is submitted whole
  io_uring_prep_send(sqe, fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT | MSG_WAITALL);
  sqe->flags = IOSQE_CQE_SKIP_SUCCESS;
  sqe->user_data = index;
  answers_[index] = static_cast<int>(bytes.size());  // of a success, nothing is heard
}

bool UringSender::submit(std::size_t count) {
  std::size_t submitted = 0;
  while (submitted < count) {
    const int n = io_uring_submit(&ring_);  // fewer, when one of them was refused
    if (n <= 0) {
      break;
    }
    submitted += static_cast<std::size_t>(n);
  }
  io_uring_cqe* cqe = nullptr;
  while (io_uring_peek_cqe(&ring_, &cqe) == 0) {
    answers_[cqe->user_data] = cqe->res;
    io_uring_cqe_seen(&ring_, cqe);
  }
  const bool whole = submitted == count;
  for (; submitted < count; ++submitted) {
    answers_[submitted] = -EAGAIN;
  }
  return whole;
}

const char* UringSender::probe() {
  ngx_socket_t sockets[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sockets) == -1) {
    return "socketpair() failed";
  }
  const char* wrong = probe_sends(sockets);
  ::close(sockets[0]);
  if (sockets[1] != -1) {
    ::close(sockets[1]);
  }
  return wrong;
}

const char* UringSender::probe_sends(ngx_socket_t (&sockets)[2]) {
  constexpr std::string_view kLittle = "little";
  constexpr std::size_t kMuch = std::size_t{1024} * 1024;
  const int buffer_bytes = 4096;
  std::vector<char> memory(kMuch);
  const std::string_view much(memory.data(), memory.size());
  if (setsockopt(sockets[0], SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof(buffer_bytes)) == -1) {
    return "setsockopt(SO_SNDBUF) failed";
  }

  queue(0, sockets[0], kLittle);
  queue(1, sockets[0], much);
  queue(2, sockets[0], much);
  if (!submit(3)) {
    return "io_uring_submit() failed";
  }
  if (answers_[0] != static_cast<int>(kLittle.size()) || answers_[1] <= 0 || answers_[1] >= static_cast<int>(kMuch) ||
      answers_[2] != -EAGAIN) {
    return "it does not say that a socket is full";
  }
  const std::size_t sent = kLittle.size() + static_cast<std::size_t>(answers_[1]);
  std::size_t received = 0;
  for (ssize_t n = 0; (n = recv(sockets[1], memory.data(), memory.size(), 0)) > 0;) {
    received += static_cast<std::size_t>(n);
  }
  if (received != sent) {
    return "it does not say how much it sent";
  }

  ::close(sockets[1]);
  sockets[1] = -1;
  queue(0, sockets[0], kLittle);
  if (!submit(1) || answers_[0] != -EPIPE) {
    return "it does not say that a connection is broken";
  }
  return nullptr;
}

}  // namespace sse::ngx
