// What every event stream begins with: the header, the pause before a reconnect, and how its socket is to behave.
#pragma once

#include <string>

#include "conf.hpp"
#include "ngx.hpp"

namespace sse::ngx {

bool is_http2_or_3(const ngx_http_request_t* r);

// As ngx_http_send_header, which it calls.
ngx_int_t send_event_stream_header(ngx_http_request_t* r);

// An HTTP/2 header without data stays in OpenSSL's buffer, whatever flush the response asks for. False when the connection is broken.
bool flush_http2_session(ngx_http_request_t* r);

// The `retry:` of a location, jittered anew each time; nothing when it is off.
void append_retry_line(std::string& bytes, const JitteredTime& retry);

// No delay for small writes, and an end for clients that vanish.
void set_socket_options(ngx_http_request_t* r);

}  // namespace sse::ngx
