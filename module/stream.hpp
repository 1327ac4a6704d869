// One event stream: a request, seen by the core as a sink. Written beside nginx's filter chain where that is safe, through it otherwise.
#pragma once

#include "conf.hpp"
#include "direct_writer.hpp"
#include "filter_writer.hpp"
#include "list.hpp"
#include "loop_event.hpp"
#include "peer_watch.hpp"
#include "pubsub_source.hpp"
#include "request_record.hpp"
#include "sink.hpp"
#include "subscriber.hpp"

namespace sse::ngx {

class Worker;

struct AllStreams;  // tags of the worker's lists
struct WatchedStreams;
struct LeftoverStreams;
struct EndedStreams;
struct PostingStreams;

// Lives in the request's pool: it leaves the broker in the request's cleanup, and lets go of the bytes in the pool's, when no transport
// points at them any more.
class Stream final : public Sink,
                     public ListNode<AllStreams>,
                     public ListNode<WatchedStreams>,
                     public ListNode<LeftoverStreams>,
                     public ListNode<EndedStreams>,
                     public ListNode<PostingStreams> {
 public:
  // Null when out of memory.
  static Stream* create(ngx_http_request_t* r, Worker& worker, PubsubSource& source, std::vector<ChannelName> channels);

  // The stream of this request; null when there is none.
  static Stream* of(ngx_http_request_t* r) {
    const RequestRecord* record = RequestRecord::of(r);
    return record == nullptr ? nullptr : record->stream;
  }

  // Subscribes; the response opens when the broker has confirmed, or after sse_open_timeout.
  void start();

  // Ends with a `retry:` at the next frame boundary.
  void finish(CloseReason reason);

  // Cuts the connection, soon.
  void cut(CloseReason reason);

  // Cuts the connection, soon, if its client has vanished.
  void watch_peer();

  // Carries out what end() or abort() asked for. The stream may be gone afterwards.
  void finalize();

  // Whether the HTTP/2 connection carries nothing else.
  bool is_alone_on_http2_connection() const;

  // Closes the HTTP/2 connection that it is or was a stream of, soon and with all its other streams.
  void close_http2_connection();

  // Runs the subrequests that filters made of what was sent. The stream may be gone afterwards.
  void run_posted_requests();

  // The worker's end cuts the connection: says so in the log.
  void expect_cut(CloseReason reason) { record_.close_reason = reason; }

  const Subscriber& subscriber() const { return subscriber_; }
  const std::string& channel_names() const { return channel_names_; }
  std::uint64_t opened_ms() const { return opened_ms_; }  // 0: not yet

  void confirmed() override;
  SendResult send(const Batch& batch) override;
  std::size_t batch_limit() const override { return writer_->batch_limit(); }
  std::optional<std::uint64_t> oldest_in_flight_ms() const override { return writer_->oldest_in_flight_ms(); }
  std::size_t in_flight_bytes() const override { return writer_->in_flight_bytes(); }
  void end(CloseReason reason) override;
  void abort(CloseReason reason) override;

 private:
  enum class Ending : std::uint8_t { none, clean, cut };

  Stream(ngx_http_request_t* r, Worker& worker, PubsubSource& source, std::vector<ChannelName> channels);

  static void handle_write(ngx_http_request_t* r);
  void on_writable();
  void notice_early_leave();
  void time_is_over();
  void leave();
  bool send_header();
  bool append_preamble(std::string& bytes);

  ngx_http_request_t* r_;
  Worker& worker_;
  PubsubSource& source_;
  const LocConf& conf_;
  Subscriber subscriber_;
  std::string channel_names_;
  FilterWriter filter_writer_;
  DirectWriter direct_writer_;
  PeerWatch peer_watch_;
  Writer* writer_ = &filter_writer_;
  LoopEvent timer_ = LoopEvent::calling<Stream, &Stream::time_is_over>(this);  // to open, to live, to take its end
  std::uint64_t opened_ms_ = 0;
  bool is_overdue_ = false;                          // its lifetime is over
  RequestRecord record_{this, CloseReason::client};  // why it ended: "client" until something else is known
  Ending ending_ = Ending::none;
};

}  // namespace sse::ngx
