// nginx's headers, for C++.
#pragma once

extern "C" {
#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_event_connect.h>
#include <ngx_http.h>

extern ngx_module_t ngx_http_sse_module;
}

#include <string>
#include <string_view>

namespace sse::ngx {

inline std::string_view view(const ngx_str_t& text) { return {reinterpret_cast<const char*>(text.data), text.len}; }

// The bytes stay the caller's.
inline ngx_str_t borrow(std::string_view text) { return {text.size(), reinterpret_cast<u_char*>(const_cast<char*>(text.data()))}; }

// A copy in the pool; data is null when out of memory.
inline ngx_str_t copy(ngx_pool_t* pool, std::string_view text) {
  ngx_str_t source = borrow(text);
  return {text.size(), ngx_pstrdup(pool, &source)};
}

// Milliseconds on the monotonic clock, as of this turn of the event loop.
inline std::uint64_t now_ms() { return ngx_current_msec; }

// Uniform in [0, limit]; 0 for 0.
inline std::uint64_t random_up_to(std::uint64_t limit) { return limit == 0 ? 0 : static_cast<std::uint64_t>(ngx_random()) % (limit + 1); }

}  // namespace sse::ngx
