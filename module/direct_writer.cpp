#include "direct_writer.hpp"

#include "transport.hpp"

extern "C" {
extern ngx_module_t ngx_http_chunked_filter_module;
extern ngx_module_t ngx_http_copy_filter_module;
}

namespace sse::ngx {

namespace {

// Parts of every response: the copy filter passes memory on as it is, and the chunked filter's framing is in the logs.
bool is_harmless(ngx_uint_t ctx_index) {
  return ctx_index == ngx_http_chunked_filter_module.ctx_index || ctx_index == ngx_http_copy_filter_module.ctx_index;
}

}  // namespace

DirectCheck::DirectCheck(ngx_http_request_t* r)
    : r_(r), main_need_in_memory_(r->main_filter_need_in_memory), need_in_memory_(r->filter_need_in_memory) {
  r->main_filter_need_in_memory = 0;
  r->filter_need_in_memory = 0;
  for (ngx_uint_t i = 0; i < ngx_http_max_module && i < kMaxModules; ++i) {
    contexts_[i] = r->ctx[i];
  }
}

bool DirectCheck::is_direct() {
  const bool filter_joined = r_->main_filter_need_in_memory || r_->filter_need_in_memory;
  r_->main_filter_need_in_memory |= main_need_in_memory_;
  r_->filter_need_in_memory |= need_in_memory_;

  if (filter_joined || ngx_http_max_module > kMaxModules) {
    return false;
  }
  for (ngx_uint_t i = 0; i < ngx_http_max_module; ++i) {
    if (r_->ctx[i] != contexts_[i] && r_->ctx[i] != nullptr && !is_harmless(i)) {
      return false;
    }
  }
  const ngx_connection_t* c = r_->connection;
#if (NGX_HTTP_V2)
  if (r_->stream != nullptr) {
    return false;
  }
#endif
#if (NGX_HTTP_V3)
  if (c->quic != nullptr) {
    return false;
  }
#endif
  return r_ == r_->main && !r_->header_only && !r_->expect_trailers && r_->limit_rate == 0 && r_->out == nullptr &&
         r_->postponed == nullptr && !r_->buffered && !c->buffered && !c->error;
}

SendResult DirectWriter::send(const Batch& batch) {
  if (is_plain() && batch.end() - batch.begin() == 1 && !c_->buffered) {
    return send_piece(*batch.begin());
  }
  static ngx_buf_t bufs[Batch::kMaxPieces];
  static ngx_chain_t links[Batch::kMaxPieces];

  const SendResult::State state = flush();
  if (state != SendResult::State::ready) {
    return {0, state};
  }
  ngx_chain_t** next = nullptr;
  std::size_t count = 0;
  for (const Piece& piece : batch) {
    ngx_buf_t& buf = bufs[count];
    ngx_memzero(&buf, sizeof(buf));
    buf.pos = reinterpret_cast<u_char*>(const_cast<char*>(piece.data));
    buf.last = buf.pos + piece.size;
    buf.memory = 1;
    links[count].buf = &buf;
    links[count].next = nullptr;
    if (next != nullptr) {
      *next = &links[count];
    }
    next = &links[count].next;
    ++count;
  }
  bufs[count - 1].flush = 1;  // OpenSSL's buffer must not wait for more

  const ngx_chain_t* unsent = c_->send_chain(c_, links, 0);
  if (unsent == NGX_CHAIN_ERROR) {
    return {0, SendResult::State::failed};
  }
  std::size_t accepted = batch.bytes();
  for (; unsent != nullptr; unsent = unsent->next) {
    accepted -= static_cast<std::size_t>(unsent->buf->last - unsent->buf->pos);
  }
  if (c_->buffered) {
    in_flight_ms_ = batch.newest_due_ms();
  }
  if (accepted == batch.bytes() && !c_->buffered) {
    return {accepted, flush()};
  }
  return {accepted, wait_for_room()};
}

// Most batches are one piece, and for the kernel send() is less work than writev(), which nginx's chains end in.
SendResult DirectWriter::send_piece(const Piece& piece) {
  if (!c_->write->ready) {
    return {0, wait_for_room()};
  }
  const ssize_t n = c_->send(c_, reinterpret_cast<u_char*>(const_cast<char*>(piece.data)), piece.size);
  if (n < 0 && n != NGX_AGAIN) {
    return {0, SendResult::State::failed};
  }
  const std::size_t accepted = n == NGX_AGAIN ? 0 : static_cast<std::size_t>(n);
  return {accepted, accepted == piece.size ? SendResult::State::ready : wait_for_room()};
}

bool DirectWriter::is_plain() const {
#if (NGX_HTTP_SSL)
  return c_->ssl == nullptr;  // TLS wants what it could not take offered again by the same call
#else
  return true;
#endif
}

SendResult::State DirectWriter::flush() {
  if (c_->buffered) {
    if (c_->send_chain(c_, nullptr, 0) == NGX_CHAIN_ERROR) {
      return SendResult::State::failed;
    }
    if (c_->buffered) {
      return wait_for_room();
    }
  }
  free_ssl_buffer(c_);
  return SendResult::State::ready;
}

SendResult::State DirectWriter::wait_for_room() {
  return ngx_handle_write_event(c_->write, 0) == NGX_OK ? SendResult::State::blocked : SendResult::State::failed;
}

std::optional<std::uint64_t> DirectWriter::oldest_in_flight_ms() const {
  return c_->buffered ? std::optional<std::uint64_t>(in_flight_ms_) : std::nullopt;
}

}  // namespace sse::ngx
