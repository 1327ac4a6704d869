// The quiet end of a worker: its streams end one after the other, spread over a time, and are served as before until their turn.
#pragma once

#include "drain_schedule.hpp"
#include "list.hpp"
#include "loop_event.hpp"

namespace sse::ngx {

class Stream;
struct AllStreams;

class DrainObserver {
 public:
  // No stream is left but for what transports have yet to send, and none will come. The worker may live on: other requests may hold it.
  virtual void drained() = 0;

 protected:
  ~DrainObserver() = default;
};

class Drain {
 public:
  // List and observer must outlive the drain.
  Drain(List<Stream, AllStreams>& streams, DrainObserver& observer) : streams_(streams), observer_(observer) {}

  // Ends all streams within `duration_ms`; who has not taken its end a second later is cut off. Holds the worker until then.
  void begin(ngx_msec_t duration_ms);
  bool has_begun() const { return has_begun_; }

  // Cuts what is left.
  void cut_all();

 private:
  void tick();

  List<Stream, AllStreams>& streams_;
  DrainObserver& observer_;
  bool has_begun_ = false;
  DrainSchedule schedule_;
  LoopEvent timer_ = LoopEvent::calling<Drain, &Drain::tick>(this);
};

}  // namespace sse::ngx
