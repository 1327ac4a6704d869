#include "response.hpp"

#include "response_head.hpp"

namespace sse::bench {

namespace {

constexpr size_t kLargestHead = 16 * 1024;

}  // namespace

std::string Response::begin_http2(std::string_view scheme, std::string_view host, std::string_view path, std::string_view last_event_id) {
  http2_ = std::make_unique<Http2>(scheme, host, path, last_event_id);
  std::string request;
  http2_->take_output(request);
  return request;
}

const char* Response::feed(std::string_view bytes, const OnBody& on_body) {
  if (http2_) {
    return feed_http2(bytes, on_body);
  }
  return status_ == 0 ? feed_head(bytes, on_body) : feed_body(bytes, on_body);
}

void Response::take_output(std::string& out) {
  if (http2_) {
    http2_->take_output(out);
  }
}

const char* Response::feed_http2(std::string_view bytes, const OnBody& on_body) {
  if (!http2_->feed(bytes, on_body)) {
    return "wrong HTTP/2 framing";
  }
  if (status_ == 0 && http2_->status() != 0) {
    status_ = http2_->status();
    line_ = "HTTP/2 " + std::to_string(status_);
  }
  return nullptr;
}

const char* Response::feed_head(std::string_view bytes, const OnBody& on_body) {
  head_.append(bytes);
  size_t end = head_.find("\r\n\r\n");
  if (end == std::string::npos) {
    return head_.size() > kLargestHead ? "the response has no end of its head" : nullptr;
  }
  std::string received;
  received.swap(head_);
  ResponseHead parsed = ResponseHead::parse(std::string_view(received).substr(0, end + 2));
  line_ = parsed.line;
  if (parsed.status == 0) {
    return "no HTTP response";
  }
  status_ = parsed.status;
  body_.set_chunked(parsed.is_chunked);
  if (parsed.is_gzip) {
    inflater_ = std::make_unique<Inflater>();
  }
  return status_ == 200 ? feed_body(std::string_view(received).substr(end + 4), on_body) : nullptr;
}

const char* Response::feed_body(std::string_view bytes, const OnBody& on_body) {
  bool is_gzip = true;
  bool is_framed = body_.feed(bytes, [&](std::string_view piece) {
    if (inflater_) {
      is_gzip = is_gzip && inflater_->feed(piece, on_body);
    } else {
      on_body(piece);
    }
  });
  return !is_framed ? "wrong chunked framing" : !is_gzip ? "the body is no gzip" : nullptr;
}

}  // namespace sse::bench
