// The quiet end of a worker: its streams end one after the other, spread over a time, and are served as before until their turn.
#pragma once

#include "drain_schedule.hpp"
#include "list.hpp"
#include "loop_event.hpp"

namespace sse::ngx {

class Stream;
struct AllStreams;

class Drain {
 public:
  // The list must outlive the drain.
  explicit Drain(List<Stream, AllStreams>& streams) : streams_(streams) {}

  // Ends all streams within `duration_ms`; who has not taken its end a second later is cut off. Holds the worker until then.
  void begin(ngx_msec_t duration_ms);
  bool has_begun() const { return has_begun_; }

  // Cuts what is left.
  void cut_all();

 private:
  void tick();

  List<Stream, AllStreams>& streams_;
  bool has_begun_ = false;
  DrainSchedule schedule_;
  LoopEvent timer_ = LoopEvent::calling<Drain, &Drain::tick>(this);
};

}  // namespace sse::ngx
