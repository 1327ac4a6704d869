// A stream that is a response: its request lives as long as it does, and all of nginx works on it. Written beside nginx's filter chain
// where that is safe, through it otherwise.
#pragma once

#include <vector>

#include "direct_writer.hpp"
#include "filter_writer.hpp"
#include "request_record.hpp"
#include "stream.hpp"

namespace sse::ngx {

struct LeftoverStreams;  // tags of the worker's lists
struct PostingStreams;
struct OpenedStreams;

// Lives in the request's pool: it leaves the broker in the request's cleanup, and lets go of the bytes in the pool's, when no transport
// points at them any more.
class RequestStream final : public Stream,
                            public ListNode<LeftoverStreams>,
                            public ListNode<PostingStreams>,
                            public ListNode<OpenedStreams> {
 public:
  // Null when out of memory.
  static RequestStream* create(ngx_http_request_t* r, Worker& worker, Source& source, const std::vector<ChannelName>& channels,
                               ConnectionPlace place);

  // Subscribes; the response opens when the broker has confirmed, or after sse_open_timeout.
  void start();

  void finalize() override;

  // Whether the HTTP/2 connection carries nothing else.
  bool is_alone_on_http2_connection() const;

  // Closes the HTTP/2 connection that it is or was a stream of, soon and with all its other streams.
  void close_http2_connection();

  // Runs the subrequests that filters made of what was sent. The stream may be gone afterwards.
  void run_posted_requests();

  // Gives the request back, if nothing else needs it: a CompactStream goes on, and this stream is gone.
  void compact();

  void confirmed() override;
  SendResult send(const Batch& batch) override;
  std::size_t batch_limit() const override { return is_direct() ? direct_writer_.batch_limit() : filter_writer_.batch_limit(); }

 private:
  RequestStream(ngx_http_request_t* r, Worker& worker, Source& source, const std::vector<ChannelName>& channels, ConnectionPlace place);

  ngx_connection_t* connection() const override { return r_->connection; }
  Writer& writer() override { return *writer_; }
  const Writer& writer() const override { return *writer_; }

  bool is_direct() const { return writer_ == &direct_writer_; }
  static RequestStream* of(ngx_http_request_t* r);
  static void handle_read(ngx_http_request_t* r);
  static void handle_write(ngx_http_request_t* r);
  void notice_early_leave();
  void time_is_over();
  void keep_names();
  void leave_request();
  bool send_header();
  void make_durable(const std::vector<ChannelName>& channels);
  bool append_preamble(std::string& bytes);

  ngx_http_request_t* r_;
  RequestRecord record_{this, CloseReason::limit, {}};
  FilterWriter filter_writer_;
  DirectWriter direct_writer_;
  Writer* writer_ = &filter_writer_;
};

}  // namespace sse::ngx
