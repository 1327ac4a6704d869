#include "worker.hpp"

#include <ctime>

#include <algorithm>

#include "fence.hpp"
#include "stream_log.hpp"
#include "zone.hpp"

namespace sse::ngx {

namespace {

constexpr std::int64_t kSliceNs = 2'000'000;
constexpr ngx_msec_t kSweepMs = 500;
constexpr std::uint64_t kShortestKeepaliveWaitMs = 10;  // so that keepalives go out in groups

std::unique_ptr<Worker> this_worker;

class SliceDeadline final : public Deadline {
 public:
  bool is_over() override { return now_ns() - begin_ns_ >= kSliceNs; }

 private:
  static std::int64_t now_ns() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
  }

  std::int64_t begin_ns_ = now_ns();
};

// The drain has to be over before worker_shutdown_timeout cuts the connections.
ngx_msec_t drain_time(const ngx_cycle_t* cycle, const MainConf& conf) {
  const auto* core = reinterpret_cast<ngx_core_conf_t*>(ngx_get_conf(cycle->conf_ctx, ngx_core_module));
  return core->shutdown_timeout == 0 ? conf.drain_ms : std::min<ngx_msec_t>(conf.drain_ms, core->shutdown_timeout / 10 * 8);
}

}  // namespace

Worker* Worker::current() { return this_worker.get(); }

ngx_int_t Worker::init_process(ngx_cycle_t* cycle) {
  if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE) {
    return NGX_OK;
  }
  const MainConf* conf = main_conf(cycle);
  if (conf == nullptr || conf->brokers->empty()) {
    return NGX_OK;
  }
  return fence(cycle->log, static_cast<ngx_int_t>(NGX_ERROR), [&] {
    open_places(*conf);
    this_worker = std::make_unique<Worker>(cycle, *conf);
    return static_cast<ngx_int_t>(this_worker->exit_notice_.open(cycle->log) ? NGX_OK : NGX_ERROR);
  });
}

void Worker::exit_process(ngx_cycle_t* cycle) {
  fence(cycle->log, [cycle] {
    if (this_worker != nullptr) {
      this_worker->drain_.cut_all();
      this_worker->finalize_ended();
      this_worker.reset();
      close_places();
      flush_all_files(cycle);
    }
  });
}

Worker::Worker(const ngx_cycle_t* cycle, const MainConf& conf)
    : drain_ms_(drain_time(cycle, conf)), admission_(hub_, conf.max_connections) {
  hub_.set_memory_limit(conf.buffer_total_bytes, this);
  hub_.set_group_sender(&plain_sender_);
  hub_.topic_budget().set_limit(conf.max_worker_channels);
  for (const auto& broker_conf : *conf.brokers) {
    broker(*broker_conf);
  }
  sweep_timer_.set_timer(kSweepMs);
}

RedisBroker& Worker::broker(const BrokerConf& conf) {
  std::unique_ptr<RedisBroker>& broker = brokers_[conf.key];
  if (broker == nullptr) {
    broker = std::make_unique<RedisBroker>(conf, hub_);
  }
  return *broker;
}

void Worker::schedule_flush() {
  if (!in_flush_) {
    flush_event_.post();
  }
}

std::size_t Worker::let_go(std::size_t bytes) {
  std::size_t leaving = 0;
  for (RequestStream* stream = leftovers_.front(); stream != nullptr && leaving < bytes; stream = leftovers_.after(*stream)) {
    leaving += stream->in_flight_bytes();
    stream->close_http2_connection();
  }
  return leaving;
}

void Worker::flush() {
  struct InFlush {
    explicit InFlush(bool& flag) : in_flush(flag) { in_flush = true; }
    ~InFlush() { in_flush = false; }
    bool& in_flush;
  };

  bool more = false;
  {
    const InFlush guard(in_flush_);
    SliceDeadline deadline;
    more = hub_.flush(deadline, now_ms());
  }
  run_posted_requests();
  compact_opened();
  finalize_ended();
  if (more) {
    flush_event_.cancel();
    flush_event_.post_next();  // to the posted events of this turn, it would never let new events in
  }
  arm_keepalive_timer();
}

void Worker::arm_keepalive_timer() {
  const std::uint64_t due_ms = hub_.next_keepalive_ms();
  if (due_ms == UINT64_MAX) {
    return;
  }
  const std::uint64_t now = now_ms();
  const std::uint64_t wait_ms = std::max(due_ms > now ? due_ms - now : 0, kShortestKeepaliveWaitMs);
  if (!keepalive_timer_.is_timer_set() || keepalive_timer_.timer_key() > now + wait_ms) {
    keepalive_timer_.cancel();  // nginx keeps a timer that differs by a fraction of a second
    keepalive_timer_.set_timer(wait_ms);
  }
}

void Worker::sweep() {
  hub_.check_timeouts(now_ms());
  watch_peers();
  sweep_timer_.set_timer(kSweepMs);
}

// As many as a slice allows: with very many streams, a round takes several sweeps.
void Worker::watch_peers() {
  if (to_watch_.empty()) {
    to_watch_.splice_back(watched_);
  }
  SliceDeadline deadline;
  while (Stream* stream = to_watch_.front()) {
    if (deadline.is_over()) {
      break;
    }
    watched_.push_back(*stream);
    stream->watch_peer();
  }
}

void Worker::add_ended(Stream& stream) {
  ended_.push_back(stream);
  schedule_flush();
}

void Worker::compact_opened() {
  while (RequestStream* stream = opened_.pop_front()) {
    stream->compact();
  }
}

void Worker::finalize_ended() {
  while (Stream* stream = ended_.pop_front()) {
    stream->finalize();
  }
}

void Worker::add_posting(RequestStream& stream) {
  posting_.push_back(stream);
  schedule_flush();
}

void Worker::run_posted_requests() {
  while (RequestStream* stream = posting_.pop_front()) {
    stream->run_posted_requests();
  }
}

void Worker::worker_exits() { drain_.begin(drain_ms_); }

void Worker::drained() {
  for (RequestStream* stream = leftovers_.front(); stream != nullptr; stream = leftovers_.after(*stream)) {
    if (stream->is_alone_on_http2_connection()) {
      stream->close_http2_connection();
    }
  }
  for (auto& [key, broker] : brokers_) {
    broker->stop();
  }
}

// nginx closes the streams' connections itself.
void Worker::worker_exits_at_once() {
  for (Stream* stream = streams_.front(); stream != nullptr; stream = streams_.after(*stream)) {
    stream->expect_cut(CloseReason::drain);
  }
}

}  // namespace sse::ngx
