// An answer for EventSource when there is no room now: any status but 200 would end it for ever, so it gets an empty stream that says
// when to come again.
#pragma once

#include "conf.hpp"
#include "ngx.hpp"
#include "sink.hpp"

namespace sse::ngx {

// Answers 200, `retry:`, end. Gives what a content handler returns.
ngx_int_t send_away(ngx_http_request_t* r, const JitteredTime& retry, CloseReason reason);

// The content handler of sse_retry_later.
ngx_int_t retry_later_handler(ngx_http_request_t* r);

}  // namespace sse::ngx
