// The content handler of a location with sse_subscribe: from a request to a stream.
#pragma once

#include "ngx.hpp"

namespace sse::ngx {

ngx_int_t subscribe_handler(ngx_http_request_t* r);

}  // namespace sse::ngx
