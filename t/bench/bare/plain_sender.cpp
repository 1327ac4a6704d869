#include "sender.hpp"

#include <sys/socket.h>

namespace sse::bench {

namespace {

class PlainSender : public Sender {
 public:
  void send_to_all(const std::vector<Client*>& clients, std::string_view bytes) override {
    for (Client* client : clients) {
      if (client->backlog.empty()) {
        ssize_t n = send(client->fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n == static_cast<ssize_t>(bytes.size())) {
          continue;
        }
        client->backlog = bytes.substr(n > 0 ? static_cast<size_t>(n) : 0);
      } else {
        client->backlog.append(bytes);
      }
    }
  }
};

}  // namespace

std::unique_ptr<Sender> make_plain_sender() { return std::make_unique<PlainSender>(); }

}  // namespace sse::bench
