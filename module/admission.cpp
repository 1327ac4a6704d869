#include "admission.hpp"

#include <new>

#include "printable.hpp"

namespace sse::ngx {

namespace {

constexpr std::uint64_t kLogMs = 1000;

}  // namespace

Admission::Admission(Hub& hub, ngx_uint_t max_connections)
    : hub_(hub),
      max_connections_(max_connections),
      connections_log_(kLogMs),
      channels_log_(kLogMs),
      subscribers_log_(kLogMs),
      keys_log_(kLogMs) {}

bool Admission::admits(ngx_http_request_t* r, Source& source, const std::vector<ChannelName>& channels, ConnectionPlace& place) {
  const LocConf& conf = loc_conf(r);
  if (!has_connection()) {
    r->keepalive = 0;  // who is sent away must not keep what is short
    ++hub_.counters().refused_connections;
    const std::string limit = max_connections_ == kByLowWater
                                  ? std::to_string(ngx_cycle->free_connection_n) + " of " + std::to_string(ngx_cycle->connection_n) +
                                        " \"worker_connections\" are free"
                                  : "\"sse_max_connections\" " + std::to_string(max_connections_) + " reached";
    return refuse(connections_log_, conf, limit, channels.front().name);
  }
  const auto reached = source.limit_reached(channels, conf.max_subscribers, now_ms());
  if (!reached) {
    return conf.limit_conn == nullptr || take_place(r, *conf.limit_conn, channels.front().name, place);
  }
  if (reached->limit == Source::Limit::subscribers) {
    ++hub_.counters().refused_subscribers;
    return refuse(subscribers_log_, conf, "\"sse_max_subscribers\" " + std::to_string(conf.max_subscribers) + " reached", reached->channel);
  }
  ++hub_.counters().refused_channels;
  return refuse(channels_log_, conf, "\"sse_max_worker_channels\" " + std::to_string(hub_.topic_budget().limit()) + " reached",
                reached->channel);
}

// Where nginx itself begins to close idle connections, there is none to spare for a stream.
bool Admission::has_connection() const {
  if (max_connections_ == kByLowWater) {
    return ngx_cycle->free_connection_n > ngx_cycle->connection_n / 16;
  }
  return max_connections_ == 0 || streams_ < max_connections_;
}

// When there is no room to count, nobody is let in uncounted: otherwise many keys would be the way around the limit.
bool Admission::take_place(ngx_http_request_t* r, const LimitConn& limit_conn, std::string_view channel, ConnectionPlace& place) {
  ngx_str_t key;
  if (ngx_http_complex_value(r, limit_conn.key, &key) != NGX_OK) {
    throw std::bad_alloc();
  }
  if (key.len == 0) {
    return true;
  }
  const PlaceTable::Taken taken = places()->take(view(limit_conn.expression), view(key), limit_conn.limit);
  if (taken.outcome == PlaceTable::Outcome::taken) {
    place = ConnectionPlace(taken.entry);
    return true;
  }
  ++hub_.counters().refused_keys;
  const std::string limit = taken.outcome == PlaceTable::Outcome::no_room
                                ? "\"sse_zone\" is full"
                                : "\"sse_limit_conn\" " + std::to_string(limit_conn.limit) + " reached";
  return refuse(keys_log_, loc_conf(r), limit + " for client " + std::string(view(r->connection->addr_text)), channel);
}

bool Admission::refuse(LogLimit& log, const LocConf& conf, const std::string& limit, std::string_view channel) {
  if (log.allows(now_ms())) {
    const std::string line = limit + ", subscriber of channel \"" + printable(channel) + "\" sent away" + log.take_note();
    ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0, "sse broker \"%s\": %s", conf.broker->name.c_str(), line.c_str());
  }
  return false;
}

}  // namespace sse::ngx
