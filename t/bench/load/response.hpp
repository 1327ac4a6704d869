#pragma once

#include "http2.hpp"
#include "http_body.hpp"
#include "inflater.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace sse::bench {

// One response, over HTTP/1.1 or HTTP/2, as it comes in: its status, and the bytes of its body without framing and compression.
class Response {
 public:
  using OnBody = std::function<void(std::string_view)>;

  // Over HTTP/2 from now on; gives the request's bytes. An empty last event id: none.
  std::string begin_http2(std::string_view scheme, std::string_view host, std::string_view path, std::string_view last_event_id);

  // Null, or what is wrong with the response.
  const char* feed(std::string_view bytes, const OnBody& on_body);

  // What HTTP/2 has to say in return.
  void take_output(std::string& out);

  int status() const { return status_; }             // 0 until the head has come
  const std::string& line() const { return line_; }  // that names the status
  bool is_complete() const { return http2_ ? http2_->is_closed() : body_.is_complete(); }

 private:
  const char* feed_http2(std::string_view bytes, const OnBody& on_body);
  const char* feed_head(std::string_view bytes, const OnBody& on_body);
  const char* feed_body(std::string_view bytes, const OnBody& on_body);

  int status_ = 0;
  std::string line_;
  std::string head_;  // until it is complete
  HttpBody body_;
  std::unique_ptr<Inflater> inflater_;
  std::unique_ptr<Http2> http2_;
};

}  // namespace sse::bench
