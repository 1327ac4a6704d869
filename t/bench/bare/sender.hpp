#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sse::bench {

// A connection to which everything is sent that is published.
struct Client {
  int fd = -1;
  bool is_open = false;  // its request has come
  std::string request;
  std::string backlog;  // what its socket did not take
};

// How the bytes of one turn get to all clients.
class Sender {
 public:
  virtual ~Sender() = default;

  // Afterwards a client's backlog holds what its socket did not take.
  virtual void send_to_all(const std::vector<Client*>& clients, std::string_view bytes) = 0;
};

// One send() for each client.
std::unique_ptr<Sender> make_plain_sender();

// The sends of all clients submitted together through io_uring. Throws std::runtime_error where the kernel has or allows none.
std::unique_ptr<Sender> make_uring_sender();

}  // namespace sse::bench
