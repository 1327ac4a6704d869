#include "sender.hpp"

#include <liburing.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace sse::bench {

namespace {

constexpr unsigned kEntries = 1024;

class UringSender : public Sender {
 public:
  UringSender() {
    io_uring_params params{};
    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
    if (int error = io_uring_queue_init_params(kEntries, &ring_, &params); error != 0) {
      throw std::runtime_error(std::string("io_uring: ") + std::strerror(-error));
    }
  }
  UringSender(const UringSender&) = delete;
  UringSender& operator=(const UringSender&) = delete;
  ~UringSender() override { io_uring_queue_exit(&ring_); }

  void send_to_all(const std::vector<Client*>& clients, std::string_view bytes) override {
    for (Client* client : clients) {
      if (!client->backlog.empty()) {
        client->backlog.append(bytes);
        continue;
      }
      io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
      if (sqe == nullptr) {
        finish(bytes);
        sqe = io_uring_get_sqe(&ring_);
      }
      // With MSG_WAITALL a short send is a failure, which is reported although successes are not; with MSG_DONTWAIT the kernel does not
      // go on with it later.
      io_uring_prep_send(sqe, client->fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT | MSG_WAITALL);
      io_uring_sqe_set_flags(sqe, IOSQE_CQE_SKIP_SUCCESS);
      io_uring_sqe_set_data(sqe, client);
    }
    finish(bytes);
  }

 private:
  // All sends are done when submit has returned: harvest those that were short.
  void finish(std::string_view bytes) {
    while (io_uring_sq_ready(&ring_) > 0) {
      if (int n = io_uring_submit(&ring_); n < 0 && n != -EINTR && n != -EAGAIN && n != -EBUSY) {
        throw std::runtime_error(std::string("io_uring_submit: ") + std::strerror(-n));
      }
      io_uring_get_events(&ring_);
      harvest(bytes);
    }
  }

  void harvest(std::string_view bytes) {
    unsigned head = 0;
    unsigned count = 0;
    io_uring_cqe* cqe = nullptr;
    io_uring_for_each_cqe(&ring_, head, cqe) {
      ++count;
      auto* client = static_cast<Client*>(io_uring_cqe_get_data(cqe));
      client->backlog = bytes.substr(static_cast<size_t>(std::max(cqe->res, 0)));
    }
    io_uring_cq_advance(&ring_, count);
  }

  io_uring ring_{};
};

}  // namespace

std::unique_ptr<Sender> make_uring_sender() { return std::make_unique<UringSender>(); }

}  // namespace sse::bench
