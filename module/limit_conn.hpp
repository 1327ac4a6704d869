// sse_limit_conn: how many streams a key may have, over all workers.
#pragma once

#include "ngx.hpp"

namespace sse::ngx {

struct LimitConn {
  ngx_uint_t limit;               // above 0
  ngx_http_complex_value_t* key;  // empty for a request: it is not counted
  ngx_str_t expression;           // the key as it is written: locations that write it alike count together
};

// The directive's setter, for a field LimitConn* that is null for "off".
char* set_limit_conn(ngx_conf_t* cf, ngx_command_t* cmd, void* data);

}  // namespace sse::ngx
