// What one nginx worker has: the hub, its brokers, all streams, and the turns of the event loop that keep them going.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "admission.hpp"
#include "conf.hpp"
#include "drain.hpp"
#include "exit_notice.hpp"
#include "hub.hpp"
#include "list.hpp"
#include "loop_event.hpp"
#include "plain_sender.hpp"
#include "redis_broker.hpp"
#include "request_stream.hpp"

namespace sse::ngx {

class Worker final : private FlushScheduler, private Leftovers, private ExitObserver, private DrainObserver {
 public:
  // Null outside of worker processes, and in those without a location that subscribes.
  static Worker* current();

  // nginx's process hooks.
  static ngx_int_t init_process(ngx_cycle_t* cycle);
  static void exit_process(ngx_cycle_t* cycle);

  Worker(const ngx_cycle_t* cycle, const MainConf& conf);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  Hub& hub() { return hub_; }
  RedisBroker& broker(const BrokerConf& conf);
  List<Stream, AllStreams>& streams() { return streams_; }
  Admission& admission() { return admission_; }
  bool is_draining() const { return drain_.has_begun(); }

  // The stream is to be cut when its client vanishes.
  void watch(Stream& stream) { watched_.push_back(stream); }

  // The stream has left, and its HTTP/2 connection has yet to send bytes of it.
  void add_leftover(RequestStream& stream) { leftovers_.push_back(stream); }

  // The stream is open, and its request is to be given back when the hub has returned.
  void add_opened(RequestStream& stream) { opened_.push_back(stream); }

  // The stream's end is to be carried out when the hub has returned.
  void add_ended(Stream& stream);

  // The stream's filters made subrequests, which are to be run when the hub has returned.
  void add_posting(RequestStream& stream);

 private:
  void schedule_flush() override;
  std::size_t let_go(std::size_t bytes) override;
  void worker_exits() override;
  void worker_exits_at_once() override;
  void drained() override;
  void flush();
  void sweep();
  void watch_peers();
  void arm_keepalive_timer();
  void run_posted_requests();
  void compact_opened();
  void finalize_ended();

  const ngx_msec_t drain_ms_;
  bool in_flush_ = false;
  LoopEvent flush_event_ = LoopEvent::calling<Worker, &Worker::flush>(this);
  LoopEvent keepalive_timer_ = LoopEvent::calling<Worker, &Worker::schedule_flush>(this);
  LoopEvent sweep_timer_ = LoopEvent::calling<Worker, &Worker::sweep>(this);
  PlainSender plain_sender_;
  Hub hub_{*this};
  Admission admission_;
  List<Stream, AllStreams> streams_;
  List<Stream, WatchedStreams> watched_;
  List<Stream, WatchedStreams> to_watch_;           // the rest of a round
  List<RequestStream, LeftoverStreams> leftovers_;  // who left first is in front
  List<RequestStream, OpenedStreams> opened_;
  List<RequestStream, PostingStreams> posting_;
  List<Stream, EndedStreams> ended_;
  std::map<std::string, std::unique_ptr<RedisBroker>> brokers_;  // by BrokerConf::key
  Drain drain_{streams_, *this};
  ExitNotice exit_notice_{*this};
};

}  // namespace sse::ngx
