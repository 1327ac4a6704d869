#include "request_stream.hpp"

#include <algorithm>
#include <new>

#include "bare_connection.hpp"
#include "compact_stream.hpp"
#include "start_id.hpp"
#include "transport.hpp"
#include "worker.hpp"

namespace sse::ngx {

RequestStream* RequestStream::create(ngx_http_request_t* r, Worker& worker, Source& source, const std::vector<ChannelName>& channels,
                                     ConnectionPlace place) {
  ngx_http_cleanup_t* leaving = ngx_http_cleanup_add(r, 0);
  ngx_pool_cleanup_t* destruction = ngx_pool_cleanup_add(r->pool, 0);
  void* memory = ngx_palloc(r->pool, sizeof(RequestStream));
  if (leaving == nullptr || destruction == nullptr || memory == nullptr) {
    return nullptr;
  }
  auto* stream = new (memory) RequestStream(r, worker, source, channels, std::move(place));
  leaving->data = stream;
  leaving->handler = [](void* data) { fence(ngx_cycle->log, [data] { static_cast<RequestStream*>(data)->leave_request(); }); };
  destruction->data = stream;
  destruction->handler = [](void* data) { static_cast<RequestStream*>(data)->~RequestStream(); };
  ngx_http_set_ctx(r, &stream->record_, ngx_http_sse_module);
  return stream;
}

RequestStream::RequestStream(ngx_http_request_t* r, Worker& worker, Source& source, const std::vector<ChannelName>& channels,
                             ConnectionPlace place)
    : Stream(worker, source, loc_conf(r)), r_(r), filter_writer_(r), direct_writer_(r->connection) {
  subscriber_ = std::make_unique<Subscriber>(*this, *conf_.subscriber, *conf_.reading, channels.size());
  if (conf_.durable != nullptr) {
    make_durable(channels);
  }
  place_ = std::move(place);
  worker_.streams().push_back(*this);
  worker_.admission().stream_begins();
  for (std::size_t i = 0; i < channels.size(); ++i) {
    source_.add(*subscriber_, i, channels[i].kind, channels[i].name, now_ms());
  }
}

void RequestStream::make_durable(const std::vector<ChannelName>& channels) {
  std::string_view cursor;
  if (!find_start_id(r_, cursor)) {
    throw std::bad_alloc();
  }
  std::vector<std::string_view> names;
  names.reserve(channels.size());
  for (const ChannelName& channel : channels) {
    names.emplace_back(channel.name);
  }
  subscriber_->make_durable(*conf_.durable, names, cursor);
}

void RequestStream::time_is_over() {
  if (subscriber_->state() == Subscriber::State::waiting) {
    worker_.hub().admit(*subscriber_);
  } else {
    end_lifetime();
  }
}

void RequestStream::compact() {
  // A request that a mirror or a background subrequest holds stays; so does one that ends.
  if (ending_ != Ending::none || subscriber_->state() != Subscriber::State::open || r_->main->count != 1 || r_->main->blocked) {
    return;
  }
  const ngx_event_t* rev = r_->connection->read;
  const auto left_ms = rev->timer_set ? std::max<ngx_msec_int_t>(static_cast<ngx_msec_int_t>(rev->timer.key - ngx_current_msec), 1) : 0;
  keep_names();
  auto* successor = new CompactStream(Succession{*this}, direct_writer_, std::string(view(r_->connection->addr_text)));
  record_.stream = successor;  // for the access log
  successor->take_connection(release_request(r_), static_cast<ngx_msec_t>(left_ms));
}

SendResult RequestStream::send(const Batch& batch) {
  if (is_direct()) {
    return direct_writer_.send(batch);
  }
  const SendResult result = filter_writer_.send(batch);
  if (r_->main->posted_requests != nullptr) {
    worker_.add_posting(*this);  // a filter made subrequests
  }
  return result;
}

void RequestStream::run_posted_requests() { ngx_http_run_posted_requests(r_->connection); }

RequestStream* RequestStream::of(ngx_http_request_t* r) {
  const RequestRecord* record = RequestRecord::of(r);
  return record == nullptr ? nullptr : static_cast<RequestStream*>(record->stream);
}

void RequestStream::handle_read(ngx_http_request_t* r) {
  ngx_event_t* rev = r->connection->read;
  if (!rev->timedout) {
    ngx_http_test_reading(r);
    return;
  }
  rev->timedout = 0;
  fence(r->connection->log, [r] {
    if (RequestStream* stream = of(r)) {
      stream->time_is_over();
    }
  });
}

void RequestStream::handle_write(ngx_http_request_t* r) {
  fence(r->connection->log, [r] {
    RequestStream* stream = of(r);
    if (stream != nullptr && !r->connection->write->delayed) {  // by limit_rate
      stream->on_writable();
    }
  });
}

void RequestStream::finalize() {
  ngx_http_request_t* r = r_;
  ngx_connection_t* c = r->connection;
  ngx_http_set_log_request(c->log, r);
  log_if_slow(c->log, {});
  const bool is_clean = ending_ == Ending::clean;
  const ngx_int_t rc = is_clean ? ngx_http_send_special(r, NGX_HTTP_LAST) : NGX_ERROR;
  leave_request();
  if (!is_clean && !is_http2_or_3(r) && opened_ms_ != 0) {
    reset_on_close(c);  // before the stream opened, it is an answer of nginx's
    c->timedout = 1;    // TLS: no close_notify
  }
  ngx_http_finalize_request(r, rc);
  ngx_http_run_posted_requests(c);
}

bool RequestStream::is_alone_on_http2_connection() const {
#if (NGX_HTTP_V2)
  return r_->stream->connection->processing == 1;
#else
  return false;
#endif
}

// As when nginx's own send_timeout is over.
void RequestStream::close_http2_connection() {
  ngx_connection_t* c = socket_connection(r_);
  if (!c->write->timedout) {
    ngx_log_error(NGX_LOG_INFO, c->log, 0, "sse: HTTP/2 connection closed: it does not take the rest of a stream that has ended");
    reset_on_close(c);
    c->write->timedout = 1;
    ngx_post_event(c->write, &ngx_posted_events);
  }
}

// The access log is written when the subscriber has left its channels.
void RequestStream::keep_names() {
  if (record_.channel_names.empty()) {
    const ngx_str_t names = copy(r_->pool, channel_names(*subscriber_));
    record_.channel_names = {reinterpret_cast<const char*>(names.data), names.data == nullptr ? 0 : names.len};
  }
}

void RequestStream::leave_request() {
  if (subscriber_ == nullptr) {
    return;  // a CompactStream has it
  }
  cancel_timer();
  keep_names();
  leave();
#if (NGX_HTTP_V2)
  if (r_->stream != nullptr && in_flight_bytes() != 0) {
    worker_.add_leftover(*this);  // until the request's pool is destroyed
  }
#endif
  ListNode<PostingStreams>::unlink();
  ListNode<OpenedStreams>::unlink();
}

}  // namespace sse::ngx
