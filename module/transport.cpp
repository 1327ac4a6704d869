#include "transport.hpp"

namespace sse::ngx {

bool is_http2_or_3(const ngx_http_request_t* r) { return r->http_version > NGX_HTTP_VERSION_11; }

ngx_connection_t* socket_connection(ngx_http_request_t* r) {
#if (NGX_HTTP_V2)
  if (r->stream != nullptr) {
    return r->stream->connection->connection;
  }
#endif
  return r->connection;
}

bool flush_http2_session(ngx_http_request_t* r) {
  ngx_connection_t* c = socket_connection(r);
  return c == r->connection || !c->buffered || c->send_chain(c, nullptr, 0) != NGX_CHAIN_ERROR;
}

void set_nodelay(ngx_http_request_t* r) {
  auto* core = static_cast<ngx_http_core_loc_conf_t*>(ngx_http_get_module_loc_conf(r, ngx_http_core_module));
  // nginx sets it for keepalive connections and proxies, not for a content handler's response.
  if (core->tcp_nodelay && !is_http2_or_3(r)) {
    ngx_tcp_nodelay(r->connection);
  }
}

void free_ssl_buffer([[maybe_unused]] ngx_connection_t* c) {
#if (NGX_HTTP_SSL)
  if (c->ssl != nullptr && !c->buffered) {
    ngx_ssl_free_buffer(c);
  }
#endif
}

void reset_on_close(ngx_connection_t* c) {
  const linger at_once{1, 0};
  if (setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)) == -1) {
    ngx_log_error(NGX_LOG_INFO, c->log, ngx_socket_errno, "setsockopt(SO_LINGER) failed, ignored");
  }
}

}  // namespace sse::ngx
