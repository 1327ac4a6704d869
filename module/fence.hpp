// An exception that leaves a handler would kill the worker: every entry from nginx goes through here.
#pragma once

#include <exception>

#include "ngx.hpp"

namespace sse::ngx {

// Runs the function; when it throws, logs that and returns `otherwise`. What throws is out of memory, in practice.
template <class Function, class Result>
Result fence(ngx_log_t* log, Result otherwise, Function&& function) noexcept {
  try {
    return function();
  } catch (const std::exception& error) {
    ngx_log_error(NGX_LOG_CRIT, log, 0, "sse: handler failed: %s", error.what());
  } catch (...) {
    ngx_log_error(NGX_LOG_CRIT, log, 0, "sse: handler failed");
  }
  return otherwise;
}

template <class Function>
void fence(ngx_log_t* log, Function&& function) noexcept {
  fence(log, 0, [&function] {
    function();
    return 0;
  });
}

}  // namespace sse::ngx
