#include "compact_stream.hpp"

#include "bare_connection.hpp"
#include "fence.hpp"
#include "transport.hpp"
#include "worker.hpp"

namespace sse::ngx {

namespace {

// Of what a client sends after its request, so much is thrown away before others have their turn.
constexpr std::size_t kDiscardBytes = 64 * 1024;

}  // namespace

template <void (CompactStream::*Method)()>
void CompactStream::handle(ngx_event_t* event) {
  auto* c = static_cast<ngx_connection_t*>(event->data);
  fence(c->log, [c] { (static_cast<CompactStream*>(c->data)->*Method)(); });
}

void CompactStream::take_connection(ngx_connection_t* c, ngx_msec_t lifetime_ms) {
  c->data = this;
  c->read->handler = handle<&CompactStream::on_readable>;
  c->write->handler = handle<&CompactStream::on_connection_writable>;
  if (lifetime_ms != 0) {
    set_timer(lifetime_ms);
  }
  ngx_post_event(c->read, &ngx_posted_events);  // what came before is announced no more
}

void CompactStream::on_readable() {
  const ngx_connection_t* c = connection();
  ngx_event_t* rev = c->read;
  if (ending_ != Ending::none) {
    return;
  }
  if (c->close) {  // worker_shutdown_timeout
    cut(CloseReason::drain);
  } else if (rev->timedout) {
    rev->timedout = 0;
    end_lifetime();
  } else if (rev->pending_eof) {
    close_by_client(0);
  } else {
    discard_input();
  }
}

void CompactStream::discard_input() {
  static u_char buffer[4096];
  ngx_connection_t* c = connection();
  for (std::size_t discarded = 0; c->read->ready;) {
    const ssize_t n = c->recv(c, buffer, sizeof(buffer));
    if (n == NGX_AGAIN) {
      break;
    }
    if (n <= 0) {
      close_by_client(n == 0 ? 0 : ngx_socket_errno);
      return;
    }
    discarded += static_cast<std::size_t>(n);
    if (discarded >= kDiscardBytes) {
      ngx_post_event(c->read, &ngx_posted_next_events);
      return;
    }
  }
  if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
    cut(CloseReason::error);
  }
}

void CompactStream::close_by_client(ngx_err_t error) {
  const ngx_str_t client = borrow(client_);
  ngx_log_error(NGX_LOG_INFO, connection()->log, error, "client %V closed its event stream", &client);
  client_left_ = true;
  cut(CloseReason::client);
}

void CompactStream::finalize() {
  ngx_connection_t* c = connection();
  cancel_timer();
  log_if_slow(c->log, ", client: " + client_);
  const bool is_clean = ending_ == Ending::clean && end_body();
  leave();
  if (client_left_) {
#if (NGX_HTTP_SSL)
    if (c->ssl != nullptr) {
      c->ssl->no_send_shutdown = 1;
    }
#endif
  } else if (!is_clean) {
    reset_on_close(c);
    c->timedout = 1;  // TLS: no close_notify
  }
  delete this;
  close_bare_connection(c);
}

// The socket had room a moment ago: if it has none for these five bytes, the end is not clean.
bool CompactStream::end_body() {
  if (subscriber_->framing() != Framing::chunked) {
    return true;
  }
  static u_char last_chunk[] = "0\r\n\r\n";
  ngx_buf_t buf{};
  buf.pos = last_chunk;
  buf.last = last_chunk + sizeof(last_chunk) - 1;
  buf.memory = 1;
  buf.flush = 1;
  ngx_chain_t link{&buf, nullptr};
  ngx_connection_t* c = connection();
  return c->send_chain(c, &link, 0) == nullptr && !c->buffered;
}

}  // namespace sse::ngx
