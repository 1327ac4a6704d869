#include "bare_connection.hpp"

#include "transport.hpp"

namespace sse::ngx {

namespace {

void delete_timer(ngx_event_t* event) {
  if (event->timer_set) {
    ngx_del_timer(event);
  }
}

void free_buffers(ngx_pool_t* pool, ngx_chain_t*& chain) {
  while (chain != nullptr) {
    ngx_chain_t* link = chain;
    chain = link->next;
    ngx_pfree(pool, link->buf->start);
    ngx_free_chain(pool, link);
  }
}

// As nginx does for an idle keepalive connection. What is read of a later request would need them again: there will be none.
[[maybe_unused]] void free_header_buffers(ngx_connection_t* c, ngx_http_connection_t* hc) {
  if (c->buffer != nullptr) {
    ngx_pfree(c->pool, c->buffer->start);
    c->buffer = nullptr;
  }
  free_buffers(c->pool, hc->free);
  free_buffers(c->pool, hc->busy);
  hc->nbusy = 0;
}

void use_log(ngx_connection_t* c, ngx_log_t* log) { c->log = c->read->log = c->write->log = log; }

// The pool's cleanups still find the connection whole.
void free_pool(ngx_connection_t* c) {
  ngx_destroy_pool(c->pool);
  c->pool = nullptr;
  c->sockaddr = nullptr;
  c->socklen = 0;
  c->addr_text = ngx_str_t{0, nullptr};
  c->proxy_protocol = nullptr;
  c->local_sockaddr = c->listening->sockaddr;
  c->local_socklen = c->listening->socklen;
  c->buffer = nullptr;
}

}  // namespace

bool can_be_bare(const ngx_http_request_t* r) {
  const auto* core = static_cast<const ngx_http_core_loc_conf_t*>(ngx_http_get_module_loc_conf(r, ngx_http_core_module));
  return !is_http2_or_3(r) && core->post_action.data == nullptr;
}

ngx_connection_t* release_request(ngx_http_request_t* r) {
  ngx_connection_t* c = r->connection;
  [[maybe_unused]] ngx_http_connection_t* hc = r->http_connection;
  const auto* core = static_cast<const ngx_http_core_loc_conf_t*>(ngx_http_get_module_loc_conf(r, ngx_http_core_module));
  ngx_log_t* log = core->error_log;  // of the configuration: it lives as long as the worker, and names no request

  delete_timer(c->read);
  delete_timer(c->write);
  ngx_http_free_request(r, 0);
  c->destroyed = 0;
  c->idle = 0;
  ngx_reusable_connection(c, 0);

#if (NGX_HTTP_SSL)
  if (c->ssl != nullptr) {
    free_header_buffers(c, hc);
    free_ssl_buffer(c);
    use_log(c, log);
    return c;
  }
#endif
  free_pool(c);
  use_log(c, log);
  return c;
}

void close_bare_connection(ngx_connection_t* c) {
  if (c->pool != nullptr) {
    ngx_http_close_connection(c);
    return;
  }
#if (NGX_STAT_STUB)
  ngx_atomic_fetch_add(ngx_stat_active, -1);
#endif
  c->destroyed = 1;
  ngx_close_connection(c);
}

}  // namespace sse::ngx
