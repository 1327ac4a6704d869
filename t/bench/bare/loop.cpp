#include "loop.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string_view>

namespace sse::bench {

namespace {

constexpr int kBacklog = 4096;

// As long as the module's.
constexpr std::string_view kHead =
    "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: text/event-stream\r\n"
    "Transfer-Encoding: chunked\r\nConnection: keep-alive\r\nCache-Control: no-cache\r\nX-Accel-Buffering: no\r\n\r\n"
    "d\r\nretry: 2000\n\n\r\n";

[[noreturn]] void fail(const char* what) { throw std::runtime_error(std::string(what) + ": " + std::strerror(errno)); }

void add(int epoll, int fd, uint32_t events, int operation = EPOLL_CTL_ADD) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  if (epoll_ctl(epoll, operation, fd, &event) != 0) {
    fail("epoll_ctl");
  }
}

// An event in a chunk of its own.
void append_frame(std::string& out, std::string_view payload) {
  constexpr std::string_view kField = "data: ";
  constexpr std::string_view kEnd = "\n\n";
  std::array<char, 24> size{};
  int n = std::snprintf(size.data(), size.size(), "%zx\r\n", kField.size() + payload.size() + kEnd.size());
  out.append(size.data(), static_cast<size_t>(n)).append(kField).append(payload).append(kEnd).append("\r\n");
}

}  // namespace

Loop::Loop(std::unique_ptr<Sender> sender, bool per_message)
    : sender_(std::move(sender)), is_per_message_(per_message), epoll_(epoll_create1(EPOLL_CLOEXEC)) {}

void Loop::listen(uint16_t port) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int on = 1;
  setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0 || ::listen(listener_, kBacklog) != 0) {
    fail("listen");
  }
  add(epoll_, listener_, EPOLLIN);
}

void Loop::connect_redis(const std::string& host, uint16_t port) {
  redis_ = redisConnect(host.c_str(), port);
  if (redis_ == nullptr || redis_->err != 0) {
    throw std::runtime_error("Redis: " + std::string(redis_ == nullptr ? "no memory" : redis_->errstr));
  }
  fcntl(redis_->fd, F_SETFL, O_NONBLOCK);
  redis_->flags &= ~REDIS_BLOCK;
  add(epoll_, redis_->fd, EPOLLIN);
}

void Loop::run() {
  std::array<epoll_event, 512> events{};
  for (;;) {
    int n = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < n; ++i) {
      const epoll_event& event = events[static_cast<size_t>(i)];
      int fd = event.data.fd;
      if (fd == listener_) {
        accept_all();
      } else if (fd == redis_->fd) {
        on_redis();
      } else {
        on_client(*clients_[static_cast<size_t>(fd)], event.events);
      }
    }
  }
}

void Loop::accept_all() {
  for (;;) {
    int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      return;
    }
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    auto place = static_cast<size_t>(fd);
    if (clients_.size() <= place) {
      clients_.resize(place + 1);
    }
    clients_[place] = std::make_unique<Client>();
    clients_[place]->fd = fd;
    add(epoll_, fd, EPOLLIN);
  }
}

void Loop::on_client(Client& client, uint32_t events) {
  if ((events & EPOLLOUT) != 0) {
    write_backlog(client);
  }
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) {
    return;
  }
  std::array<char, 4096> buffer;  // NOLINT: filled by recv()
  ssize_t n = recv(client.fd, buffer.data(), buffer.size(), 0);
  if (n <= 0) {
    if (n == 0 || errno != EAGAIN) {
      drop(client);
    }
    return;
  }
  if (!client.is_open) {
    client.request.append(buffer.data(), static_cast<size_t>(n));
    on_request(client);
  }
}

void Loop::on_request(Client& client) {
  if (client.request.find("\r\n\r\n") == std::string::npos) {
    return;
  }
  // GET /events/NAME HTTP/1.1
  size_t end = client.request.find(' ', 4);
  size_t slash = client.request.rfind('/', end);
  std::string channel = client.request.substr(slash + 1, end - slash - 1);
  std::string().swap(client.request);
  if (channel_ != channel) {
    channel_ = channel;
    redisAppendCommand(redis_, "UNSUBSCRIBE");
    redisAppendCommand(redis_, "SUBSCRIBE %s", channel.c_str());
    int done = 0;
    while (done == 0 && redisBufferWrite(redis_, &done) == REDIS_OK) {
    }
  }
  client.is_open = true;
  open_.push_back(&client);
  client.backlog = kHead;
  write_backlog(client);
}

void Loop::on_redis() {
  if (redisBufferRead(redis_) != REDIS_OK) {
    throw std::runtime_error(std::string("Redis: ") + redis_->errstr);
  }
  std::string turn;
  void* reply = nullptr;
  while (redisReaderGetReply(redis_->reader, &reply) == REDIS_OK && reply != nullptr) {
    const auto* message = static_cast<redisReply*>(reply);
    bool is_message = message->type == REDIS_REPLY_ARRAY && message->elements == 3 && message->element[2]->type == REDIS_REPLY_STRING;
    if (is_message) {
      append_frame(turn, {message->element[2]->str, static_cast<size_t>(message->element[2]->len)});
    }
    freeReplyObject(reply);
    if (is_message && is_per_message_) {
      send_out(turn);
      turn.clear();
    }
  }
  if (!turn.empty()) {
    send_out(turn);
  }
}

void Loop::send_out(const std::string& bytes) {
  sender_->send_to_all(open_, bytes);
  for (Client* client : open_) {
    if (!client->backlog.empty()) {
      watch(*client, EPOLLIN | EPOLLOUT);
    }
  }
}

void Loop::write_backlog(Client& client) {
  ssize_t n = send(client.fd, client.backlog.data(), client.backlog.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (n > 0) {
    client.backlog.erase(0, static_cast<size_t>(n));
  }
  watch(client, client.backlog.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT);
}

void Loop::watch(Client& client, uint32_t events) { add(epoll_, client.fd, events, EPOLL_CTL_MOD); }

void Loop::drop(Client& client) {
  open_.erase(std::remove(open_.begin(), open_.end(), &client), open_.end());
  close(client.fd);
  clients_[static_cast<size_t>(client.fd)].reset();
}

}  // namespace sse::bench
