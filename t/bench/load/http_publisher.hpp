#pragma once

#include "http_exchange.hpp"
#include "publisher.hpp"

#include <string>

namespace sse::bench {

// POSTs each message and waits for its answer.
class HttpPublisher : public Publisher {
 public:
  HttpPublisher(const Url& url, Shared& shared) : url_(url), shared_(shared), exchange_(url) {}

  void publish(const std::string& channel, const std::string& payload) override {
    std::string path = url_.path_for(channel);
    std::string request = "POST " + path + " HTTP/1.1\r\nHost: " + url_.host +
                          "\r\nContent-Type: text/plain\r\nContent-Length: " + std::to_string(payload.size()) + "\r\n\r\n" + payload;
    int status = exchange_.ask(request);
    if (status < 200 || status > 299) {
      shared_.fail("POST %s at %s:%u: %s", path.c_str(), url_.host.c_str(), unsigned{url_.port},
                   status == 0 ? exchange_.error().c_str() : ("status " + std::to_string(status)).c_str());
    }
  }

  void accept() override {}

 private:
  const Url url_;
  Shared& shared_;
  HttpExchange exchange_;
};

}  // namespace sse::bench
