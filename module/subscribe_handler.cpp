#include "subscribe_handler.hpp"

#include <vector>

#include "conf.hpp"
#include "fence.hpp"
#include "redis_broker.hpp"
#include "request_stream.hpp"
#include "response_head.hpp"
#include "retry_later.hpp"
#include "worker.hpp"

namespace sse::ngx {

namespace {

ngx_int_t refuse_method(ngx_http_request_t* r) {
  auto* allow = static_cast<ngx_table_elt_t*>(ngx_list_push(&r->headers_out.headers));
  if (allow == nullptr) {
    return NGX_HTTP_INTERNAL_SERVER_ERROR;
  }
  ngx_memzero(allow, sizeof(*allow));
  allow->hash = 1;
  ngx_str_set(&allow->key, "Allow");
  ngx_str_set(&allow->value, "GET, HEAD");
  return NGX_HTTP_NOT_ALLOWED;
}

// A 400 whose body says what is wrong: no retry would mend it, so that a browser may give up.
ngx_int_t refuse_request(ngx_http_request_t* r, const std::string& why) {
  ngx_log_error(NGX_LOG_INFO, r->connection->log, 0, "sse: bad request: %s", why.c_str());
  ngx_http_complex_value_t body;
  ngx_memzero(&body, sizeof(body));
  body.value = copy(r->pool, why + "\n");
  if (body.value.data == nullptr) {
    return NGX_HTTP_INTERNAL_SERVER_ERROR;
  }
  ngx_str_t type = ngx_string("text/plain");
  return ngx_http_send_response(r, NGX_HTTP_BAD_REQUEST, &type, &body);
}

ngx_int_t subscribe(ngx_http_request_t* r) {
  const LocConf& conf = loc_conf(r);
  Worker* worker = Worker::current();

  if (r != r->main) {
    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0, "sse: a stream cannot be part of another response: subrequest refused");
    return NGX_HTTP_INTERNAL_SERVER_ERROR;
  }
  if (!(r->method & (NGX_HTTP_GET | NGX_HTTP_HEAD))) {
    return refuse_method(r);
  }
  const ngx_int_t rc = ngx_http_discard_request_body(r);
  if (rc != NGX_OK) {
    return rc;
  }
  if (r->discard_body) {
    // While nginx waits for the rest of a body, it does not notice that the client goes.
    r->keepalive = 0;
    return refuse_request(r, "an event stream takes no request body");
  }

  RequestedChannels requested(conf.max_channels, static_cast<ChannelType>(conf.channel_type));
  std::string error;
  for (const ChannelSpec& spec : *conf.channels) {
    if (!spec.evaluate(r, requested, error)) {
      return error.empty() ? NGX_HTTP_INTERNAL_SERVER_ERROR : refuse_request(r, error);
    }
  }
  const std::vector<ChannelName> channels = requested.take();

  if (r->method & NGX_HTTP_HEAD) {
    return send_event_stream_header(r);
  }
  if (worker == nullptr) {
    return NGX_HTTP_INTERNAL_SERVER_ERROR;
  }
  if (worker->is_draining()) {
    return send_away(r, conf.retry, CloseReason::drain);
  }
  Source& source = worker->broker(*conf.broker).source(static_cast<ChannelType>(conf.channel_type));
  ConnectionPlace place;
  if (!worker->admission().admits(r, source, channels, place)) {
    return send_away(r, conf.retry, CloseReason::limit);
  }
  RequestStream* stream = RequestStream::create(r, *worker, source, channels, std::move(place));
  if (stream == nullptr) {
    return NGX_HTTP_INTERNAL_SERVER_ERROR;
  }
  stream->start();
  ++r->main->count;
  return NGX_DONE;
}

}  // namespace

ngx_int_t subscribe_handler(ngx_http_request_t* r) {
  return fence(r->connection->log, static_cast<ngx_int_t>(NGX_HTTP_INTERNAL_SERVER_ERROR), [r] { return subscribe(r); });
}

}  // namespace sse::ngx
