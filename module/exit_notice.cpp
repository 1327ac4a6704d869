#include "exit_notice.hpp"

#include <sys/eventfd.h>

#include "fence.hpp"

namespace sse::ngx {

bool ExitNotice::open(ngx_log_t* log) {
  const int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (fd == -1) {
    ngx_log_error(NGX_LOG_EMERG, log, ngx_errno, "eventfd() failed");
    return false;
  }
  connection_ = ngx_get_connection(fd, log);
  if (connection_ == nullptr) {
    ::close(fd);
    return false;
  }
  connection_->data = this;
  connection_->idle = 1;
  connection_->log = ngx_cycle->log;
  connection_->read->handler = handle;
  connection_->read->log = ngx_cycle->log;
  connection_->write->log = ngx_cycle->log;
  return true;
}

void ExitNotice::handle(ngx_event_t* event) {
  fence(ngx_cycle->log, [event] {
    auto* c = static_cast<ngx_connection_t*>(event->data);
    auto& notice = *static_cast<ExitNotice*>(c->data);
    if (c->error) {
      notice.observer_.worker_exits_at_once();
    } else {
      notice.observer_.worker_exits();
    }
  });
}

void ExitNotice::close() {
  if (connection_ != nullptr) {
    connection_->idle = 0;
    ngx_close_connection(connection_);
    connection_ = nullptr;
  }
}

}  // namespace sse::ngx
