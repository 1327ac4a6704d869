// nginx events (timers and posted events) that call a member function.
#pragma once

#include "fence.hpp"
#include "ngx.hpp"

namespace sse::ngx {

// Owned by the object it calls; takes itself out of nginx's lists when it is destroyed. A standard-layout type, so that nginx's event
// leads back to it.
class LoopEvent {
 public:
  template <class Owner, void (Owner::*Method)()>
  static LoopEvent calling(Owner* owner) {
    return LoopEvent(owner, [](void* object) { (static_cast<Owner*>(object)->*Method)(); });
  }

  LoopEvent(const LoopEvent&) = delete;
  LoopEvent& operator=(const LoopEvent&) = delete;
  ~LoopEvent() { cancel(); }

  // A timer that does not keep a worker that shuts down alive, unless `holds_worker`.
  void set_timer(ngx_msec_t delay_ms, bool holds_worker = false) {
    event_.cancelable = holds_worker ? 0 : 1;
    event_.log = ngx_cycle->log;
    ngx_add_timer(&event_, delay_ms);
  }
  bool is_timer_set() const { return event_.timer_set != 0; }
  ngx_msec_t timer_key() const { return event_.timer.key; }

  // In this turn of the event loop, after the events that it has already.
  void post() { post_to(&ngx_posted_events); }
  // In the next turn, after new events were asked for.
  void post_next() { post_to(&ngx_posted_next_events); }

  void cancel() {
    if (event_.timer_set) {
      ngx_del_timer(&event_);
    }
    if (event_.posted) {
      ngx_delete_posted_event(&event_);
    }
  }

 private:
  LoopEvent(void* owner, void (*run)(void*)) : owner_(owner), run_(run) {
    // nginx's debug log takes the data of any event for a connection.
    static ngx_connection_t no_connection;
    no_connection.fd = static_cast<ngx_socket_t>(-1);
    event_.data = &no_connection;
    event_.handler = handle;
  }

  static void handle(ngx_event_t* event) {
    auto* self = reinterpret_cast<LoopEvent*>(event);
    fence(ngx_cycle->log, [self] { self->run_(self->owner_); });
  }

  void post_to(ngx_queue_t* queue) {
    event_.log = ngx_cycle->log;
    ngx_post_event(&event_, queue);
  }

  ngx_event_t event_{};
  void* owner_;
  void (*run_)(void*);
};

}  // namespace sse::ngx
