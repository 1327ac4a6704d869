// What every event stream begins with: the header, and the pause before a reconnect.
#pragma once

#include <string>

#include "conf.hpp"
#include "ngx.hpp"

namespace sse::ngx {

// As ngx_http_send_header, which it calls.
ngx_int_t send_event_stream_header(ngx_http_request_t* r);

// The `retry:` of a location, jittered anew each time; nothing when it is off.
void append_retry_line(std::string& bytes, const JitteredTime& retry);

}  // namespace sse::ngx
