#pragma once

#include "sender.hpp"

#include <hiredis/hiredis.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace sse::bench {

// What is left of an event stream server when nothing but the system calls remains: takes connections, answers each request with the
// same head, and sends what Redis publishes on the channel of the first request to all, framed as the module does it.
class Loop {
 public:
  // `per_message`: each message is sent by itself; else all messages of a turn together.
  Loop(std::unique_ptr<Sender> sender, bool per_message);

  void listen(uint16_t port);
  void connect_redis(const std::string& host, uint16_t port);
  [[noreturn]] void run();

 private:
  void accept_all();
  void on_client(Client& client, uint32_t events);
  void on_request(Client& client);
  void on_redis();
  void send_out(const std::string& bytes);
  void write_backlog(Client& client);
  void drop(Client& client);
  void watch(Client& client, uint32_t events);

  std::unique_ptr<Sender> sender_;
  bool is_per_message_;
  int epoll_ = -1;
  int listener_ = -1;
  redisContext* redis_ = nullptr;
  std::string channel_;
  std::vector<std::unique_ptr<Client>> clients_;  // by descriptor
  std::vector<Client*> open_;
};

}  // namespace sse::bench
