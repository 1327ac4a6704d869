// What the variables tell of a request for a stream: the request's context.
#pragma once

#include <string_view>

#include "ngx.hpp"
#include "sink.hpp"

namespace sse::ngx {

class Stream;

// In the request's pool. An internal redirect takes it from the request.
struct RequestRecord {
  Stream* stream;       // null: it was sent away
  CloseReason refusal;  // why, if so
  std::string_view channel_names;

  // Null when there is none.
  static RequestRecord* of(ngx_http_request_t* r) { return static_cast<RequestRecord*>(ngx_http_get_module_ctx(r, ngx_http_sse_module)); }
};

}  // namespace sse::ngx
