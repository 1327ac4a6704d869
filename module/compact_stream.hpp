// A stream without a request (sse_compact): once the header is out, request and connection pool are given back, and this small object
// owns the connection. What it gives up: the access log at the end, limit_conn, keepalive after the stream, and filters.
#pragma once

#include <string>

#include "direct_writer.hpp"
#include "stream.hpp"

namespace sse::ngx {

// Owns itself: gone when finalized.
class CompactStream final : public Stream {
 public:
  // `client`: its address, for the logs.
  CompactStream(Succession predecessor, const DirectWriter& writer, std::string client)
      : Stream(predecessor), writer_(writer), client_(std::move(client)) {}

  // The connection has no request any more. `lifetime_ms` are left of its lifetime; 0: no limit.
  void take_connection(ngx_connection_t* c, ngx_msec_t lifetime_ms);

  void finalize() override;

  void confirmed() override {}  // its predecessor was
  SendResult send(const Batch& batch) override { return writer_.send(batch); }
  std::size_t batch_limit() const override { return writer_.batch_limit(); }

 private:
  ngx_connection_t* connection() const override { return writer_.connection(); }
  Writer& writer() override { return writer_; }
  const Writer& writer() const override { return writer_; }

  template <void (CompactStream::*Method)()>
  static void handle(ngx_event_t* event);
  void on_readable();
  void on_connection_writable() { on_writable(); }
  void discard_input();
  void close_by_client(ngx_err_t error);
  bool end_body();

  DirectWriter writer_;
  std::string client_;
  bool client_left_ = false;
};

}  // namespace sse::ngx
