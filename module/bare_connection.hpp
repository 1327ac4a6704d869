// A client's connection without a request: how nginx's parts let go of it, and how it is closed.
#pragma once

#include <string>

#include "ngx.hpp"

namespace sse::ngx {

// Whether nothing of nginx's will need the request after the header: asked before it is sent.
bool can_be_bare(const ngx_http_request_t* r);

// Ends the request as after its last byte (cleanups, access log, pool), but keeps the connection, whose pool goes too if there is no TLS.
// Requires that nothing else holds the request and that it is not keepalive, and that nobody on the stack uses it.
// The caller sets data and handlers of what it gets. No timer is set.
ngx_connection_t* release_request(ngx_http_request_t* r);

// Closes what release_request gave. TLS may take a while to say goodbye; nginx sees to that.
void close_bare_connection(ngx_connection_t* c);

}  // namespace sse::ngx
