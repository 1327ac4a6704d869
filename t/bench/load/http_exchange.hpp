#pragma once

#include "options.hpp"

#include <netinet/in.h>

#include <string>
#include <string_view>

namespace sse::bench {

// Requests one after another on a connection that is kept for as long as the server keeps it (nginx's keepalive_requests): a request
// that the server has not read is sent again on a new one. Blocking.
class HttpExchange {
 public:
  explicit HttpExchange(const Url& url);  // throws std::runtime_error if the host is no address
  HttpExchange(const HttpExchange&) = delete;
  HttpExchange& operator=(const HttpExchange&) = delete;
  ~HttpExchange() { disconnect(); }

  // The status; 0 if there was no answer, and error() says why.
  int ask(std::string_view request);

  const std::string& error() const { return error_; }

 private:
  bool connect();
  void disconnect();
  int answer();
  bool receive();

  sockaddr_in server_;
  int fd_ = -1;
  std::string received_;
  std::string error_;
};

}  // namespace sse::bench
