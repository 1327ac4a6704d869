// Where a client wants its stream to begin.
#pragma once

#include <string_view>

#include "ngx.hpp"

namespace sse::ngx {

// The client's cursor: what sse_last_event_id says, else the header that EventSource sends, else the argument for clients that cannot;
// empty when there is none. Lives as long as the request. False when out of memory.
bool find_start_id(ngx_http_request_t* r, std::string_view& id);

}  // namespace sse::ngx
