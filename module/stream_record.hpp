// What sse_log says of a stream: noted when it opens, written when it ends. In between no request needs to live.
#pragma once

#include <memory>

#include "conf.hpp"
#include "ngx.hpp"
#include "subscriber.hpp"

namespace sse::ngx {

// Costs a pointer where there is no sse_log, and the client's address and start id where there is. Out of memory, the line is missing.
class StreamRecord {
 public:
  // The response header is out.
  void open(ngx_http_request_t* r);

  // Writes the line; nothing when the stream has not opened, or at the second call. To be called before the subscriber leaves its
  // source, which knows the names of its channels, and before `c` is closed.
  void close(const LocConf& conf, const ngx_connection_t& c, const Subscriber& subscriber, std::uint64_t opened_ms, CloseReason reason);

 private:
  std::unique_ptr<unsigned char[]> noted_;  // null: no line to write. Two texts, each behind a byte that is its length
};

}  // namespace sse::ngx
