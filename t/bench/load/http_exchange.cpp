#include "http_exchange.hpp"

#include "response_head.hpp"
#include "socket.hpp"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace sse::bench {

namespace {

constexpr timeval kTimeout{60, 0};

}  // namespace

HttpExchange::HttpExchange(const Url& url) : server_(server_address(url.host, url.port)) {}

int HttpExchange::ask(std::string_view request) {
  for (int tries = 0; tries < 2; ++tries) {
    bool is_new = fd_ < 0;
    if (is_new && !connect()) {
      return 0;
    }
    if (send(fd_, request.data(), request.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(request.size())) {
      if (int status = answer(); status != 0) {
        return status;
      }
    } else {
      error_ = std::strerror(errno);
    }
    bool was_silent = received_.empty();
    disconnect();
    if (is_new || !was_silent) {
      return 0;
    }
  }
  return 0;
}

bool HttpExchange::connect() {
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &kTimeout, sizeof(kTimeout));
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&server_), sizeof(server_)) != 0) {
    error_ = std::strerror(errno);
    disconnect();
    return false;
  }
  return true;
}

void HttpExchange::disconnect() {
  if (fd_ >= 0) {
    close(fd_);
    fd_ = -1;
  }
}

bool HttpExchange::receive() {
  std::array<char, 65536> buffer;  // NOLINT: filled by recv()
  ssize_t n = recv(fd_, buffer.data(), buffer.size(), 0);
  if (n <= 0) {
    error_ = n == 0 ? "the connection was closed" : std::strerror(errno);
    return false;
  }
  received_.append(buffer.data(), static_cast<size_t>(n));
  return true;
}

int HttpExchange::answer() {
  received_.clear();
  size_t end = 0;
  while ((end = received_.find("\r\n\r\n")) == std::string::npos) {
    if (!receive()) {
      return 0;
    }
  }
  std::string head = received_.substr(0, end + 2);
  ResponseHead parsed = ResponseHead::parse(head);
  size_t body = end + 4;
  if (parsed.is_chunked) {
    while (received_.compare(received_.size() - 5, 5, "0\r\n\r\n") != 0) {
      if (!receive()) {
        return 0;
      }
    }
  } else {
    size_t length = std::strtoul(header_value(head, "content-length").c_str(), nullptr, 10);
    while (received_.size() < body + length) {
      if (!receive()) {
        return 0;
      }
    }
  }
  if (header_value(head, "connection") == "close") {
    disconnect();
  }
  return parsed.status;
}

}  // namespace sse::bench
