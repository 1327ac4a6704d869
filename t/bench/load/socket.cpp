#include "socket.hpp"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>

namespace sse::bench {

SslContext make_ssl_context(std::string_view protocol) {
  SslContext context(SSL_CTX_new(TLS_client_method()));
  if (!context) {
    throw std::runtime_error("OpenSSL gives no context");
  }
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  std::string list(1, static_cast<char>(protocol.size()));
  list += protocol;
  SSL_CTX_set_alpn_protos(context.get(), reinterpret_cast<const unsigned char*>(list.data()), static_cast<unsigned>(list.size()));
  return context;
}

sockaddr_in server_address(const std::string& host, uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (inet_pton(AF_INET, host == "localhost" ? "127.0.0.1" : host.c_str(), &address.sin_addr) != 1) {
    throw std::runtime_error("\"" + host + "\" is not an IPv4 address");
  }
  return address;
}

bool Socket::connect(const sockaddr_in& server, uint32_t source, SSL_CTX* context) {
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) {
    return false;
  }
  int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (source != 0) {
    sockaddr_in own{};
    own.sin_family = AF_INET;
    own.sin_addr.s_addr = htonl(source);
    // The port is chosen by connect(): one that is in use towards another server will do.
    setsockopt(fd_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    if (bind(fd_, reinterpret_cast<const sockaddr*>(&own), sizeof(own)) != 0) {
      return false;
    }
  }
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&server), sizeof(server)) != 0 && errno != EINPROGRESS) {
    return false;
  }
  if (context != nullptr) {
    ssl_ = SSL_new(context);
    if (ssl_ == nullptr || SSL_set_fd(ssl_, fd_) != 1) {
      errno = ENOMEM;
      return false;
    }
    SSL_set_connect_state(ssl_);
  }
  return true;
}

int Socket::connect_error() const {
  int error = 0;
  socklen_t length = sizeof(error);
  getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length);
  return error;
}

Socket::Status Socket::ssl_status(int result) const {
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ:
      return Status::want_read;
    case SSL_ERROR_WANT_WRITE:
      return Status::want_write;
    default:
      ERR_clear_error();
      return Status::closed;
  }
}

Socket::Status Socket::handshake() {
  if (ssl_ == nullptr) {
    return Status::done;
  }
  int result = SSL_do_handshake(ssl_);
  return result == 1 ? Status::done : ssl_status(result);
}

Socket::Status Socket::write(std::string_view& bytes) {
  while (!bytes.empty()) {
    size_t n = 0;
    if (ssl_ != nullptr) {
      int result = SSL_write_ex(ssl_, bytes.data(), bytes.size(), &n);
      if (result != 1) {
        return ssl_status(result);
      }
    } else {
      ssize_t result = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (result < 0) {
        return errno == EAGAIN ? Status::want_write : Status::closed;
      }
      n = static_cast<size_t>(result);
    }
    bytes.remove_prefix(n);
  }
  return Status::done;
}

Socket::Status Socket::read(char* buffer, size_t size, size_t& length) {
  if (ssl_ != nullptr) {
    int result = SSL_read_ex(ssl_, buffer, size, &length);
    return result == 1 ? Status::done : ssl_status(result);
  }
  ssize_t result = recv(fd_, buffer, size, 0);
  if (result > 0) {
    length = static_cast<size_t>(result);
    return Status::done;
  }
  return result < 0 && (errno == EAGAIN || errno == EINTR) ? Status::want_read : Status::closed;
}

void Socket::close() {
  if (ssl_ != nullptr) {
    SSL_free(ssl_);
    ssl_ = nullptr;
  }
  if (fd_ >= 0) {
    ::close(fd_);
    fd_ = -1;
  }
}

}  // namespace sse::bench
