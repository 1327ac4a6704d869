#pragma once

#include <nghttp2/nghttp2.h>

#include <functional>
#include <string>
#include <string_view>

namespace sse::bench {

// One request on an HTTP/2 connection. Knows no socket: bytes in, bytes out.
class Http2 {
 public:
  // An empty last event id: none.
  Http2(std::string_view scheme, std::string_view host, std::string_view path, std::string_view last_event_id);
  Http2(const Http2&) = delete;
  Http2& operator=(const Http2&) = delete;
  ~Http2() { nghttp2_session_del(session_); }

  // on_body gets the pieces of the response's body. False if the connection cannot go on.
  bool feed(std::string_view bytes, const std::function<void(std::string_view)>& on_body);

  // Moves what has to be sent (the request, window updates, acknowledgements) to `out`.
  void take_output(std::string& out);

  int status() const { return status_; }  // 0 until the head has come
  bool is_closed() const { return is_closed_; }

 private:
  nghttp2_session* session_ = nullptr;
  const std::function<void(std::string_view)>* on_body_ = nullptr;
  int status_ = 0;
  bool is_closed_ = false;
};

}  // namespace sse::bench
