// One event stream, seen by the core as a sink. What holds its connection is told apart in the kinds: a request, or the stream itself.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "conf.hpp"
#include "list.hpp"
#include "peer_watch.hpp"
#include "sink.hpp"
#include "source.hpp"
#include "stream_record.hpp"
#include "subscriber.hpp"
#include "writer.hpp"
#include "zone.hpp"

namespace sse::ngx {

class Worker;

struct AllStreams;  // tags of the worker's lists
struct WatchedStreams;
struct EndedStreams;

class Stream;

// The next stream takes this one's place everywhere, and its subscriber; this one is left with nothing.
struct Succession {
  Stream& predecessor;
};

class Stream : public Sink, public ListNode<AllStreams>, public ListNode<WatchedStreams>, public ListNode<EndedStreams> {
 public:
  // Ends with a `retry:` at the next frame boundary.
  void finish(CloseReason reason);

  // Cuts the connection, soon.
  void cut(CloseReason reason);

  // Cuts the connection, soon, if its client has vanished.
  void watch_peer();

  // Carries out what end() or abort() asked for. The stream may be gone afterwards.
  virtual void finalize() = 0;

  // The worker's end cuts the connection: says so in the log.
  void expect_cut(CloseReason reason) { close_reason_ = reason; }

  const Subscriber& subscriber() const { return *subscriber_; }
  // Why it ends or ended: "client" until something else is known.
  CloseReason close_reason() const { return close_reason_; }
  std::uint64_t opened_ms() const { return opened_ms_; }  // 0: not yet

  std::optional<std::uint64_t> oldest_in_flight_ms() const override { return writer().oldest_in_flight_ms(); }
  std::size_t in_flight_bytes() const override { return writer().in_flight_bytes(); }
  GroupPlace* group_place() override { return writer().group_place(); }
  void end(CloseReason reason) override;
  void abort(CloseReason reason) override;

 protected:
  // The worker and the source must outlive the stream.
  Stream(Worker& worker, Source& source, const LocConf& conf) : worker_(worker), source_(source), conf_(conf) {}
  explicit Stream(Succession succession);
  ~Stream() = default;

  virtual ngx_connection_t* connection() const = 0;
  virtual Writer& writer() = 0;
  virtual const Writer& writer() const = 0;

  // One timer, on the connection's read event, for which nginx has no use once a request is read: to open, to live, to take its end.
  // The kind's read handler gets it, with rev->timedout.
  void set_timer(ngx_msec_t delay_ms);
  void cancel_timer();

  // The transport can take bytes again.
  void on_writable();
  // To be called when its lifetime is over, and again by the timer that was set then.
  void end_lifetime();
  void log_if_slow(ngx_log_t* log, std::string_view suffix) const;
  void leave();

  enum class Ending : std::uint8_t { none, clean, cut };

  Worker& worker_;
  Source& source_;
  const LocConf& conf_;
  std::unique_ptr<Subscriber> subscriber_;
  std::uint64_t opened_ms_ = 0;
  PeerWatch peer_watch_;
  CloseReason close_reason_ = CloseReason::client;
  Ending ending_ = Ending::none;
  bool is_overdue_ = false;  // its lifetime is over
  StreamRecord log_record_;
  ConnectionPlace place_;  // until it leaves: what transports have yet to send does not count
};

// Comma-separated, as $sse_channel shows them; empty once the subscriber has left.
std::string channel_names(const Subscriber& subscriber);

}  // namespace sse::ngx
