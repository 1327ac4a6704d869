#include "retry_later.hpp"

#include "fence.hpp"
#include "request_record.hpp"
#include "response_head.hpp"

namespace sse::ngx {

ngx_int_t send_away(ngx_http_request_t* r, const JitteredTime& retry, CloseReason reason) {
  auto* record = static_cast<RequestRecord*>(ngx_palloc(r->pool, sizeof(RequestRecord)));
  if (record == nullptr) {
    return NGX_HTTP_INTERNAL_SERVER_ERROR;
  }
  *record = {nullptr, reason, {}};
  ngx_http_set_ctx(r, record, ngx_http_sse_module);

  std::string line;
  append_retry_line(line, retry);
  const ngx_int_t rc = send_event_stream_header(r);
  if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
    return rc;
  }
  ngx_buf_t* buf = ngx_create_temp_buf(r->pool, line.size() + 1);
  if (buf == nullptr) {
    return NGX_ERROR;
  }
  buf->last = ngx_cpymem(buf->last, line.data(), line.size());
  buf->memory = line.empty() ? 0 : 1;
  buf->temporary = 0;
  buf->last_buf = 1;
  ngx_chain_t out{buf, nullptr};
  return ngx_http_output_filter(r, &out);
}

ngx_int_t retry_later_handler(ngx_http_request_t* r) {
  return fence(r->connection->log, static_cast<ngx_int_t>(NGX_HTTP_INTERNAL_SERVER_ERROR), [r]() -> ngx_int_t {
    if (r != r->main) {
      // The 200 would be taken for what the subrequest was to find out: for auth_request, "allowed".
      ngx_log_error(NGX_LOG_ERR, r->connection->log, 0, "\"sse_retry_later\" cannot answer a subrequest");
      return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    if (!(r->method & (NGX_HTTP_GET | NGX_HTTP_HEAD))) {
      return NGX_HTTP_SERVICE_UNAVAILABLE;  // not an EventSource; and nobody may think that what it sent was accepted
    }
    const ngx_int_t rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
      return rc;
    }
    return send_away(r, loc_conf(r).retry_later, CloseReason::limit);
  });
}

}  // namespace sse::ngx
