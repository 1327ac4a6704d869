// Whether one more stream fits into this worker. Who does not fit is sent away to come again later, and counted.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "conf.hpp"
#include "hub.hpp"
#include "list.hpp"
#include "logger.hpp"
#include "source.hpp"
#include "zone.hpp"

namespace sse::ngx {

class Admission {
 public:
  Admission(Hub& hub, ngx_uint_t max_connections);

  // False when a limit is reached, which is then in the error log: one line a second for each limit. Otherwise `place` is the stream's
  // among those of its key.
  bool admits(ngx_http_request_t* r, Source& source, const std::vector<ChannelName>& channels, ConnectionPlace& place);

  // How many streams there are, told by each.
  void stream_begins() { ++streams_; }
  void stream_ends() { --streams_; }

 private:
  bool has_connection() const;
  bool take_place(ngx_http_request_t* r, const LimitConn& limit_conn, std::string_view channel, ConnectionPlace& place);
  bool refuse(LogLimit& log, const LocConf& conf, const std::string& limit, std::string_view channel);

  Hub& hub_;
  const ngx_uint_t max_connections_;
  std::size_t streams_ = 0;
  LogLimit connections_log_;
  LogLimit channels_log_;
  LogLimit subscribers_log_;
  LogLimit keys_log_;
};

}  // namespace sse::ngx
