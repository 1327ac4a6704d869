#pragma once

#include <netinet/in.h>
#include <openssl/ssl.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace sse::bench {

struct SslContextDeleter {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using SslContext = std::unique_ptr<SSL_CTX, SslContextDeleter>;

// For clients that offer one protocol ("http/1.1", "h2") and believe any certificate.
SslContext make_ssl_context(std::string_view protocol);

// Throws std::runtime_error if the host is no IPv4 address.
sockaddr_in server_address(const std::string& host, uint16_t port);

// A client's non-blocking TCP connection, with or without TLS. Owns its descriptor.
class Socket {
 public:
  enum class Status { done, want_read, want_write, closed };

  Socket() = default;
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() { close(); }

  // Begins to connect from a loopback address of its own, `source` (0: the kernel's choice). False: errno says why.
  bool connect(const sockaddr_in& server, uint32_t source, SSL_CTX* context);

  // Once writable: the outcome of connect(), an errno value.
  int connect_error() const;

  // done, or what to wait for.
  Status handshake();

  Status write(std::string_view& bytes);  // takes off what went out

  // done: `length` bytes came, perhaps more are there.
  Status read(char* buffer, size_t size, size_t& length);

  void close();

  int fd() const { return fd_; }
  bool is_tls() const { return ssl_ != nullptr; }

 private:
  Status ssl_status(int result) const;

  int fd_ = -1;
  SSL* ssl_ = nullptr;
};

}  // namespace sse::bench
