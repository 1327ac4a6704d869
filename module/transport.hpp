// What is below a response: the connection that has the socket, which over HTTP/2 many responses share, and how it is to behave.
#pragma once

#include "ngx.hpp"

namespace sse::ngx {

bool is_http2_or_3(const ngx_http_request_t* r);

// An HTTP/2 stream's own connection is a copy, and knows nothing of what waits in the session's buffers: this is the session's.
ngx_connection_t* socket_connection(ngx_http_request_t* r);

// An HTTP/2 header without data stays in OpenSSL's buffer, whatever flush the response asks for. False when the connection is broken.
bool flush_http2_session(ngx_http_request_t* r);

// No delay for small writes, where tcp_nodelay is on.
void set_nodelay(ngx_http_request_t* r);

// Without this, OpenSSL's buffer of 16 KiB stays with every subscriber. Nothing while there are bytes in it, or without TLS.
// The connection is one that has a socket.
void free_ssl_buffer(ngx_connection_t* c);

// When it is closed, what the client has not read does not linger in the socket's buffer.
void reset_on_close(ngx_connection_t* c);

}  // namespace sse::ngx
