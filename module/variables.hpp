// $sse_channel, $sse_events_sent, $sse_start_id, $sse_last_id, $sse_stream_time, $sse_close_reason.
#pragma once

#include "ngx.hpp"

namespace sse::ngx {

// Before the configuration is read, so that it may name them.
ngx_int_t add_variables(ngx_conf_t* cf);

}  // namespace sse::ngx
