// How a stream opens: it subscribes, and when the broker has confirmed that, the response's header goes out.
#include "bare_connection.hpp"
#include "frame.hpp"
#include "request_stream.hpp"
#include "response_head.hpp"
#include "transport.hpp"
#include "worker.hpp"

namespace sse::ngx {

void RequestStream::start() {
  r_->read_event_handler = handle_read;
  r_->write_event_handler = ngx_http_request_empty_handler;
  notice_early_leave();
  source_.subscribe(*subscriber_);
  if (subscriber_->state() == Subscriber::State::waiting) {
    set_timer(conf_.open_timeout_ms);
  }
}

// A client may have gone before this stream's read handler was set: the event of that is spent.
void RequestStream::notice_early_leave() {
  ngx_connection_t* c = r_->connection;
  if (!is_http2_or_3(r_) && c->read->ready) {
    ngx_post_event(c->read, &ngx_posted_events);
  }
}

void RequestStream::confirmed() {
  cancel_timer();
  ngx_http_set_log_request(r_->connection->log, r_);
  const bool compact = conf_.compact && conf_.direct && can_be_bare(r_);
  if (compact) {
    r_->keepalive = 0;  // no request will follow
  }
  DirectCheck check(r_);
  const bool sent = send_header();
  const bool direct = check.is_direct() && conf_.direct;
  if (!sent) {
    cut(r_->connection->error ? CloseReason::client : CloseReason::error);
    return;
  }
  opened_ms_ = now_ms();
  log_record_.open(r_);
  set_nodelay(r_);
  if (conf_.send_timeout_ms != 0) {
    worker_.watch(*this);
  }
  r_->write_event_handler = handle_write;
  if (direct) {
    writer_ = &direct_writer_;
  }
  if (conf_.max_lifetime.state != 0 && conf_.max_lifetime.time_ms != 0) {
    set_timer(conf_.max_lifetime.pick_ms());
  }
  worker_.hub().open(*subscriber_, direct && r_->chunked ? Framing::chunked : Framing::plain, now_ms());
  if (compact && direct) {
    worker_.add_opened(*this);
  }
}

bool RequestStream::send_header() {
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

bool RequestStream::append_preamble(std::string& bytes) {
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

}  // namespace sse::ngx
