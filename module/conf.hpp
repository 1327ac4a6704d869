// What the directives say. Life: created and merged by nginx, read by everybody, gone with its configuration cycle.
#pragma once

#include <memory>
#include <vector>

#include "broker_conf.hpp"
#include "channel_spec.hpp"
#include "durable_options.hpp"
#include "encoding.hpp"
#include "limit_conn.hpp"
#include "ngx.hpp"
#include "setters.hpp"
#include "stream_log.hpp"
#include "subscriber.hpp"
#include "zone.hpp"

namespace sse::ngx {

constexpr ngx_uint_t kByLowWater = NGX_CONF_UNSET_UINT;

struct MainConf {
  BrokerConfs* brokers;  // of all locations
  ngx_msec_t drain_ms;   // 0: off, here and below
  size_t buffer_total_bytes;
  ngx_uint_t max_worker_channels;
  ngx_uint_t max_connections;  // kByLowWater: as many as nginx can have with some to spare
  StreamLogs* stream_logs;     // of all locations
  size_t zone_bytes;
  ngx_flag_t needs_zone;  // a location counts over all workers
  ngx_shm_zone_t* zone;   // null: not needed
};

// Plain fields first: nginx's directive table sets them by offset.
struct LocConf {
  std::vector<ChannelSpec>* channels;  // null: no sse_subscribe here

  ngx_str_t broker_url;
  ngx_str_t password_file;
  ngx_msec_t broker_connect_timeout_ms;
  ngx_msec_t broker_read_timeout_ms;

  ngx_uint_t channel_type;                  // a ChannelType
  ngx_uint_t start;                         // a Start
  ngx_uint_t start_last;                    // entries, with Start::last
  ngx_uint_t max_replay;                    // entries; 0: off
  ngx_http_complex_value_t* last_event_id;  // null: the header, else the argument

  ngx_uint_t payload;             // a PayloadForm
  ngx_uint_t default_event_kind;  // a DefaultEvent::Kind
  ngx_str_t default_event_name;
  ngx_str_t reset_event;
  ngx_http_complex_value_t* greeting;
  JitteredTime retry;
  JitteredTime retry_later;  // unset: no sse_retry_later here
  JitteredTime max_lifetime;

  ngx_msec_t open_timeout_ms;
  ngx_msec_t keepalive_ms;  // 0: off, here and below
  ngx_msec_t send_timeout_ms;
  size_t max_message_bytes;
  size_t buffer_bytes;
  ngx_uint_t max_channels;
  ngx_uint_t max_subscribers;
  ngx_uint_t slow;  // a SlowPolicy
  ngx_flag_t direct;
  ngx_flag_t compact;
  StreamLog* stream_log;  // null: off, here and below
  LimitConn* limit_conn;

  BrokerConf* broker;  // set by the merge where there are channels, and so is what follows
  const ReadOptions* reading;
  const DurableOptions* durable;  // null: not of type "stream"
  const SubscriberOptions* subscriber;
  ngx_str_t server_name;
  ngx_str_t location_name;
};

void* create_main_conf(ngx_conf_t* cf);
char* init_main_conf(ngx_conf_t* cf, void* conf);
void* create_loc_conf(ngx_conf_t* cf);
char* merge_loc_conf(ngx_conf_t* cf, void* parent, void* child);

extern ngx_command_t commands[];

inline const LocConf& loc_conf(ngx_http_request_t* r) {
  return *static_cast<LocConf*>(ngx_http_get_module_loc_conf(r, ngx_http_sse_module));
}

// Null when there is no http block.
inline const MainConf* main_conf(ngx_cycle_t* cycle) {
  return static_cast<MainConf*>(ngx_http_cycle_get_module_main_conf(cycle, ngx_http_sse_module));
}

// An object that is destroyed with the pool; null when out of memory.
template <class Type, class... Arguments>
Type* create_in(ngx_pool_t* pool, Arguments&&... arguments) {
  ngx_pool_cleanup_t* cleanup = ngx_pool_cleanup_add(pool, 0);
  if (cleanup == nullptr) {
    return nullptr;
  }
  cleanup->data = new Type(std::forward<Arguments>(arguments)...);
  cleanup->handler = [](void* object) { delete static_cast<Type*>(object); };
  return static_cast<Type*>(cleanup->data);
}

}  // namespace sse::ngx
