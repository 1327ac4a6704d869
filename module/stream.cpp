#include "stream.hpp"

#include <new>

#include "frame.hpp"
#include "response_head.hpp"
#include "transport.hpp"
#include "worker.hpp"

namespace sse::ngx {

namespace {

constexpr ngx_msec_t kEndGraceMs = 5000;

SubscriberOptions subscriber_options(const LocConf& conf) {
  SubscriberOptions options;
  options.slow = static_cast<SlowPolicy>(conf.slow);
  options.keepalive_ms = conf.keepalive_ms;
  options.send_timeout_ms = conf.send_timeout_ms;
  return options;
}

}  // namespace

Stream* Stream::create(ngx_http_request_t* r, Worker& worker, PubsubSource& source, std::vector<ChannelName> channels) {
  ngx_http_cleanup_t* leaving = ngx_http_cleanup_add(r, 0);
  ngx_pool_cleanup_t* destruction = ngx_pool_cleanup_add(r->pool, 0);
  void* memory = ngx_palloc(r->pool, sizeof(Stream));
  if (leaving == nullptr || destruction == nullptr || memory == nullptr) {
    return nullptr;
  }
  auto* stream = new (memory) Stream(r, worker, source, std::move(channels));
  leaving->data = stream;
  leaving->handler = [](void* data) { fence(ngx_cycle->log, [data] { static_cast<Stream*>(data)->leave(); }); };
  destruction->data = stream;
  destruction->handler = [](void* data) { static_cast<Stream*>(data)->~Stream(); };
  ngx_http_set_ctx(r, &stream->record_, ngx_http_sse_module);
  return stream;
}

Stream::Stream(ngx_http_request_t* r, Worker& worker, PubsubSource& source, std::vector<ChannelName> channels)
    : r_(r),
      worker_(worker),
      source_(source),
      conf_(loc_conf(r)),
      subscriber_(*this, subscriber_options(conf_), *conf_.reading, channels.size()),
      filter_writer_(r),
      direct_writer_(r->connection) {
  worker_.streams().push_back(*this);
  worker_.admission().stream_begins();
  for (std::size_t i = 0; i < channels.size(); ++i) {
    channel_names_ += i == 0 ? "" : ",";
    channel_names_ += channels[i].kind == TopicKind::pattern ? "pattern:" + channels[i].name : channels[i].name;
    source_.add(subscriber_, i, channels[i].kind, channels[i].name, now_ms());
  }
}

void Stream::start() {
  r_->read_event_handler = ngx_http_test_reading;
  r_->write_event_handler = ngx_http_request_empty_handler;
  notice_early_leave();
  source_.subscribe(subscriber_);
  if (subscriber_.state() == Subscriber::State::waiting) {
    timer_.set_timer(conf_.open_timeout_ms);
  }
}

// A client may have gone before this stream's read handler was set: the event of that is spent.
void Stream::notice_early_leave() {
  ngx_connection_t* c = r_->connection;
  if (!is_http2_or_3(r_) && c->read->ready) {
    ngx_post_event(c->read, &ngx_posted_events);
  }
}

void Stream::time_is_over() {
  if (subscriber_.state() == Subscriber::State::waiting) {
    worker_.hub().admit(subscriber_);
  } else if (is_overdue_) {
    cut(CloseReason::lifetime);
  } else if (subscriber_.state() == Subscriber::State::open && !subscriber_.is_ending()) {
    is_overdue_ = true;
    ++worker_.hub().counters().lifetimes_ended;
    finish(CloseReason::lifetime);
    if (subscriber_.state() == Subscriber::State::open && conf_.send_timeout_ms == 0) {  // no other clock would end it
      timer_.set_timer(kEndGraceMs);
    }
  }
}

void Stream::confirmed() {
  timer_.cancel();
  ngx_http_set_log_request(r_->connection->log, r_);
  DirectCheck check(r_);
  const bool sent = send_header();
  const bool direct = check.is_direct() && conf_.direct;
  if (!sent) {
    cut(CloseReason::error);
    return;
  }
  opened_ms_ = now_ms();
  set_nodelay(r_);
  if (conf_.send_timeout_ms != 0) {
    worker_.watch(*this);
  }
  r_->write_event_handler = handle_write;
  if (direct) {
    writer_ = &direct_writer_;
  }
  if (conf_.max_lifetime.state != 0 && conf_.max_lifetime.time_ms != 0) {
    timer_.set_timer(conf_.max_lifetime.pick_ms());
  }
  worker_.hub().open(subscriber_, direct && r_->chunked ? Framing::chunked : Framing::plain, now_ms());
}

bool Stream::send_header() {
  std::string preamble;
  if (!append_preamble(preamble)) {
    return false;
  }
  const ngx_int_t rc = send_event_stream_header(r_);
  if (rc == NGX_ERROR || rc > NGX_OK || r_->header_only) {
    return false;
  }
  if (preamble.empty()) {
    return ngx_http_send_special(r_, NGX_HTTP_FLUSH) != NGX_ERROR && flush_http2_session(r_) &&
           writer_->flush() != SendResult::State::failed;  // which gives OpenSSL's buffer back
  }
  SegmentRef segment = Segment::copy_of(preamble, worker_.hub().memory());
  Batch batch(preamble.size());
  batch.add({segment->data(), segment->size(), segment.get(), nullptr, now_ms(), Piece::Source::own});
  return send(batch).state != SendResult::State::failed;
}

bool Stream::append_preamble(std::string& bytes) {
  append_retry_line(bytes, conf_.retry);
  if (conf_.greeting != nullptr) {
    ngx_str_t greeting;
    if (ngx_http_complex_value(r_, conf_.greeting, &greeting) != NGX_OK) {
      return false;
    }
    sse::Event event;
    event.data = view(greeting);
    event.has_data = true;
    append_event(bytes, event, {});
  }
  return true;
}

SendResult Stream::send(const Batch& batch) {
  const SendResult result = writer_->send(batch);
  if (r_->main->posted_requests != nullptr) {
    worker_.add_posting(*this);  // a filter made subrequests
  }
  return result;
}

void Stream::run_posted_requests() { ngx_http_run_posted_requests(r_->connection); }

void Stream::handle_write(ngx_http_request_t* r) {
  fence(r->connection->log, [r] {
    if (Stream* stream = of(r)) {
      stream->on_writable();
    }
  });
}

void Stream::on_writable() {
  if (ending_ != Ending::none) {
    return;
  }
  if (r_->connection->write->delayed) {  // limit_rate
    return;
  }
  switch (writer_->flush()) {
    case SendResult::State::ready:
      worker_.hub().on_writable(subscriber_, now_ms());
      // With level-triggered events nothing is to be waited for any more; with others this does nothing.
      if (ending_ == Ending::none && ngx_handle_write_event(r_->connection->write, 0) != NGX_OK) {
        cut(CloseReason::error);
      }
      break;
    case SendResult::State::blocked:
      break;
    case SendResult::State::failed:
      cut(CloseReason::client);
      break;
  }
}

void Stream::finish(CloseReason reason) {
  std::string farewell;
  append_retry_line(farewell, conf_.retry);
  worker_.hub().finish(subscriber_, reason, farewell, now_ms());
}

void Stream::cut(CloseReason reason) {
  worker_.hub().forget(subscriber_);
  if (ending_ == Ending::none) {
    abort(reason);
  }
}

void Stream::watch_peer() {
  if (ending_ == Ending::none && peer_watch_.is_gone(r_->connection, conf_.send_timeout_ms, now_ms())) {
    ++worker_.hub().counters().timed_out;
    cut(CloseReason::slow);
  }
}

void Stream::end(CloseReason reason) {
  record_.close_reason = reason;
  ending_ = Ending::clean;
  worker_.add_ended(*this);
}

void Stream::abort(CloseReason reason) {
  record_.close_reason = reason;
  ending_ = Ending::cut;
  worker_.add_ended(*this);
}

void Stream::finalize() {
  ngx_http_request_t* r = r_;
  ngx_connection_t* c = r->connection;
  ngx_http_set_log_request(c->log, r);
  if (record_.close_reason == CloseReason::slow) {
    const ngx_str_t names = borrow(channel_names_);
    const char* limit = subscriber_.slow_limit();
    ngx_log_error(NGX_LOG_INFO, c->log, 0, "sse broker \"%s\": slow subscriber closed by \"%s\"%s, channels \"%V\"",
                  conf_.broker->name.c_str(), limit == nullptr ? "sse_send_timeout" : limit,
                  limit == nullptr ? ", nothing came from it" : "", &names);
  }
  leave();
  if (ending_ == Ending::clean) {
    ngx_http_finalize_request(r, ngx_http_send_special(r, NGX_HTTP_LAST));
  } else {
    if (!is_http2_or_3(r) && opened_ms_ != 0) {
      reset_on_close(c);  // before the stream opened, it is an answer of nginx's
      c->timedout = 1;    // TLS: no close_notify
    }
    ngx_http_finalize_request(r, NGX_ERROR);
  }
  ngx_http_run_posted_requests(c);
}

bool Stream::is_alone_on_http2_connection() const {
#if (NGX_HTTP_V2)
  return r_->stream->connection->processing == 1;
#else
  return false;
#endif
}

// As when nginx's own send_timeout is over.
void Stream::close_http2_connection() {
  ngx_connection_t* c = socket_connection(r_);
  if (!c->write->timedout) {
    ngx_log_error(NGX_LOG_INFO, c->log, 0, "sse: HTTP/2 connection closed: it does not take the rest of a stream that has ended");
    reset_on_close(c);
    c->write->timedout = 1;
    ngx_post_event(c->write, &ngx_posted_events);
  }
}

void Stream::leave() {
  timer_.cancel();
  worker_.hub().forget(subscriber_);
  source_.leave(subscriber_, now_ms());
  if (static_cast<ListNode<AllStreams>&>(*this).is_linked()) {
    static_cast<ListNode<AllStreams>&>(*this).unlink();
    worker_.admission().stream_ends();
  }
#if (NGX_HTTP_V2)
  if (r_->stream != nullptr && in_flight_bytes() != 0) {
    worker_.add_leftover(*this);  // until the request's pool is destroyed
  }
#endif
  static_cast<ListNode<WatchedStreams>&>(*this).unlink();
  static_cast<ListNode<EndedStreams>&>(*this).unlink();
  static_cast<ListNode<PostingStreams>&>(*this).unlink();
}

}  // namespace sse::ngx
