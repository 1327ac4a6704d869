#include "filter_writer.hpp"

#include <new>

#include "transport.hpp"

namespace sse::ngx {

FilterWriter::~FilterWriter() {
  for (InFlight* in_flight = all_; in_flight != nullptr;) {
    InFlight* next = in_flight->next;
    in_flight->~InFlight();  // its memory is the pool's
    in_flight = next;
  }
}

ngx_chain_t* FilterWriter::add(const Piece& piece) {
  ngx_chain_t* link = free_;
  if (link != nullptr) {
    free_ = link->next;
  } else {
    void* memory = ngx_pcalloc(r_->pool, sizeof(InFlight));
    link = ngx_alloc_chain_link(r_->pool);
    if (memory == nullptr || link == nullptr) {
      return nullptr;
    }
    auto* in_flight = new (memory) InFlight();
    in_flight->next = all_;
    all_ = in_flight;
    link->buf = &in_flight->buf;
  }
  link->next = nullptr;
  auto* in_flight = reinterpret_cast<InFlight*>(link->buf);
  in_flight->segment = SegmentRef(piece.segment);

  ngx_buf_t* buf = &in_flight->buf;
  ngx_memzero(buf, sizeof(*buf));
  buf->start = buf->pos = reinterpret_cast<u_char*>(const_cast<char*>(piece.data));
  buf->end = buf->last = buf->pos + piece.size;
  buf->memory = 1;
  buf->tag = reinterpret_cast<ngx_buf_tag_t>(this);
  return link;
}

SendResult FilterWriter::send(const Batch& batch) {
  ngx_chain_t* chain = nullptr;
  ngx_chain_t** next = &chain;
  for (const Piece& piece : batch) {
    ngx_chain_t* link = add(piece);
    if (link == nullptr) {
      return {0, SendResult::State::failed};
    }
    *next = link;
    next = &link->next;
    if (&piece + 1 == batch.end()) {
      link->buf->flush = 1;
    }
  }
  in_flight_ms_ = batch.newest_due_ms();
  return {batch.bytes(), output(chain)};
}

SendResult::State FilterWriter::flush() {
  const SendResult::State state = output(nullptr);
  const ngx_connection_t* c = r_->connection;
  if (state == SendResult::State::failed || !c->write->ready || !(r_->out != nullptr || (c->buffered & NGX_LOWLEVEL_BUFFERED))) {
    return state;
  }
  // A filter that has nothing left of its own (gzip) does not pass the call on, whatever is left behind it.
  if (ngx_http_write_filter(r_, nullptr) == NGX_ERROR) {
    return SendResult::State::failed;
  }
  return output(nullptr);
}

SendResult::State FilterWriter::output(ngx_chain_t* chain) {
  const ngx_int_t rc = ngx_http_output_filter(r_, chain);
  ngx_chain_update_chains(r_->pool, &free_, &busy_, &chain, reinterpret_cast<ngx_buf_tag_t>(this));
  for (ngx_chain_t* link = free_; link != nullptr; link = link->next) {
    auto* in_flight = reinterpret_cast<InFlight*>(link->buf);
    if (!in_flight->segment) {
      break;  // those behind it were given back before
    }
    in_flight->segment = SegmentRef();
  }
  if (rc == NGX_ERROR) {
    return SendResult::State::failed;
  }
  const ngx_connection_t* c = r_->connection;
  // A filter may say that it holds something (some always do): that comes with what follows, as long as the socket takes bytes.
  if (busy_ == nullptr && r_->out == nullptr && (!c->buffered || c->write->ready)) {
    in_flight_ms_.reset();
    free_ssl_buffer(socket_connection(r_));
    return SendResult::State::ready;
  }
  // Limited by rate, the connection's timer calls again.
  if (!c->write->delayed && ngx_handle_write_event(c->write, 0) != NGX_OK) {
    return SendResult::State::failed;
  }
  return SendResult::State::blocked;
}

std::size_t FilterWriter::in_flight_bytes() const {
  std::size_t bytes = 0;
  const Segment* last = nullptr;
  for (const ngx_chain_t* link = busy_; link != nullptr; link = link->next) {
    const Segment* segment = reinterpret_cast<const InFlight*>(link->buf)->segment.get();
    bytes += segment == last ? 0 : segment->capacity();
    last = segment;
  }
  return bytes;
}

}  // namespace sse::ngx
