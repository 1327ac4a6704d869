#include "response_head.hpp"

#include <algorithm>

#include "frame.hpp"

namespace sse::ngx {

namespace {

bool add_header(ngx_http_request_t* r, std::string_view name, std::string_view value) {
  auto* header = static_cast<ngx_table_elt_t*>(ngx_list_push(&r->headers_out.headers));
  if (header == nullptr) {
    return false;
  }
  ngx_memzero(header, sizeof(*header));
  header->hash = 1;
  header->key = borrow(name);
  header->value = borrow(value);
  return true;
}

}  // namespace

void append_retry_line(std::string& bytes, const JitteredTime& retry) {
  if (retry.state != 0) {
    append_retry(bytes, static_cast<std::uint32_t>(std::min<std::uint64_t>(retry.pick_ms(), UINT32_MAX)));
  }
}

ngx_int_t send_event_stream_header(ngx_http_request_t* r) {
  r->headers_out.status = NGX_HTTP_OK;
  r->err_status = 0;  // of an error_page without "=": any status but 200 would end an EventSource for ever
  r->headers_out.content_type = ngx_string("text/event-stream");
  r->headers_out.content_type_len = r->headers_out.content_type.len;
  r->headers_out.content_type_lowcase = nullptr;
  ngx_str_null(&r->headers_out.charset);  // of an application that answered with X-Accel-Redirect; it would be appended
  r->disable_not_modified = 1;
  ngx_http_clear_content_length(r);
  ngx_http_clear_accept_ranges(r);
  ngx_http_clear_last_modified(r);
  ngx_http_clear_etag(r);
  if (!add_header(r, "Cache-Control", "no-cache") || !add_header(r, "X-Accel-Buffering", "no")) {
    return NGX_ERROR;
  }
  return ngx_http_send_header(r);
}

}  // namespace sse::ngx
