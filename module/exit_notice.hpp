// How a module learns that its worker shuts down: nginx has no hook for it, but it calls the read handler of every idle connection.
#pragma once

#include "ngx.hpp"

namespace sse::ngx {

class ExitObserver {
 public:
  // Reload or quit: the worker goes when its last timer that holds it is gone.
  virtual void worker_exits() = 0;
  // worker_shutdown_timeout is over: every connection is closed now.
  virtual void worker_exits_at_once() = 0;

 protected:
  ~ExitObserver() = default;
};

// Keeps one eventfd in an idle connection. The observer must outlive it.
class ExitNotice {
 public:
  explicit ExitNotice(ExitObserver& observer) : observer_(observer) {}
  ExitNotice(const ExitNotice&) = delete;
  ExitNotice& operator=(const ExitNotice&) = delete;
  ~ExitNotice() { close(); }

  // False after an error, which was logged.
  bool open(ngx_log_t* log);
  void close();

 private:
  static void handle(ngx_event_t* event);

  ExitObserver& observer_;
  ngx_connection_t* connection_ = nullptr;
};

}  // namespace sse::ngx
