#include "conf.hpp"

#include <algorithm>

#include "fence.hpp"
#include "retry_later.hpp"
#include "subscribe_handler.hpp"

namespace sse::ngx {

namespace {

constexpr ngx_msec_t kDrainMs = 30000;
constexpr ngx_uint_t kMaxWorkerChannels = 100'000;
constexpr size_t kZoneBytes = 32 * 1024 * 1024;
constexpr size_t kBufferTotalBytes = 256 * 1024 * 1024;

// Null, and logged, where no request could be served.
const DurableOptions* durable_options(ngx_conf_t* cf, const LocConf& conf) {
  RequestedChannels fixed(0, ChannelType::stream);
  for (const ChannelSpec& spec : *conf.channels) {
    const char* const directive = spec.form() == ChannelSpec::Form::list ? "sse_subscribe_list" : "sse_subscribe";
    std::string error = "a pattern is of type \"pubsub\" only";
    if (spec.kind() == TopicKind::pattern || !spec.add_fixed(fixed, error)) {
      ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid value \"%V\" in \"%s\" with \"sse_channel_type\" stream: %s", &spec.text(),
                         directive, error.c_str());
      return nullptr;
    }
  }
  if (conf.max_replay != 0 && conf.start_last > conf.max_replay) {
    ngx_conf_log_error(NGX_LOG_WARN, cf, 0, "\"sse_start\" last=%ui is above \"sse_max_replay\" %ui: so many are never replayed",
                       conf.start_last, conf.max_replay);
  }
  auto* options = create_in<DurableOptions>(cf->pool);
  if (options != nullptr) {
    options->start = static_cast<Start>(conf.start);
    options->last = conf.start_last;
    options->max_replay = conf.max_replay;
  }
  return options;
}

// What merge_loc_conf does for a location that has channels.
bool complete(ngx_conf_t* cf, LocConf& conf) {
  if (conf.broker_url.len == 0) {
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"sse_subscribe\" has no broker: \"sse_broker redis://host:port;\" is needed in its location or above "
                       "(the embedded broker \"local:\" is not supported yet)");
    return false;
  }
  auto* main = static_cast<MainConf*>(ngx_http_conf_get_module_main_conf(cf, ngx_http_sse_module));
  conf.broker = find_or_add_broker(cf, *main->brokers,
                                   {view(conf.broker_url), view(conf.password_file), conf.broker_connect_timeout_ms,
                                    conf.broker_read_timeout_ms, conf.max_message_bytes});
  if (conf.broker == nullptr) {
    return false;
  }

  auto* core = static_cast<ngx_http_core_loc_conf_t*>(ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));
  if (core->post_action.data != nullptr) {
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"post_action\" cannot be used with \"sse_subscribe\"");
    return false;
  }
  if (conf.buffer_bytes != 0 && conf.max_message_bytes == 0) {
    ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                       "\"sse_buffer_size\" %uz with \"sse_max_message\" off: one large message may push out a reader that is not slow",
                       conf.buffer_bytes);
  } else if (conf.buffer_bytes != 0 && conf.buffer_bytes < 2 * conf.max_message_bytes) {
    ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                       "\"sse_buffer_size\" %uz is below twice \"sse_max_message\" %uz: one large message may push out a reader that "
                       "is not slow",
                       conf.buffer_bytes, conf.max_message_bytes);
  }
  if (main->buffer_total_bytes != 0 && conf.buffer_bytes > main->buffer_total_bytes) {
    ngx_conf_log_error(NGX_LOG_WARN, cf, 0, "\"sse_buffer_total\" %uz is below \"sse_buffer_size\" %uz, which is never reached",
                       main->buffer_total_bytes, conf.buffer_bytes);
  }

  if (static_cast<ChannelType>(conf.channel_type) == ChannelType::stream) {
    conf.durable = durable_options(cf, conf);
    if (conf.durable == nullptr) {
      return false;
    }
  }

  auto* reading = create_in<ReadOptions>(cf->pool);
  auto* subscriber = create_in<SubscriberOptions>(cf->pool);
  if (reading == nullptr || subscriber == nullptr) {
    return false;
  }
  reading->encoding.payload = static_cast<PayloadForm>(conf.payload);
  reading->encoding.default_event.kind = static_cast<DefaultEvent::Kind>(conf.default_event_kind);
  reading->encoding.default_event.name = view(conf.default_event_name);
  reading->encoding.reset_event = view(conf.reset_event);
  reading->buffer_bytes = conf.buffer_bytes;
  reading->max_message_bytes = conf.max_message_bytes;
  conf.reading = reading;
  subscriber->slow = static_cast<SlowPolicy>(conf.slow);
  subscriber->keepalive_ms = conf.keepalive_ms;
  subscriber->send_timeout_ms = conf.send_timeout_ms;
  conf.subscriber = subscriber;

  auto* server = static_cast<ngx_http_core_srv_conf_t*>(ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module));
  conf.server_name = server->server_name;
  conf.location_name = core->name;
  return true;
}

void merge(JitteredTime& time, const JitteredTime& above, const JitteredTime& otherwise) {
  if (time.state == NGX_CONF_UNSET_UINT) {
    time = above.state == NGX_CONF_UNSET_UINT ? otherwise : above;
  }
}

}  // namespace

void* create_main_conf(ngx_conf_t* cf) {
  return fence(cf->log, static_cast<void*>(nullptr), [cf]() -> void* {
    auto* conf = static_cast<MainConf*>(ngx_pcalloc(cf->pool, sizeof(MainConf)));
    if (conf == nullptr) {
      return nullptr;
    }
    conf->brokers = create_in<BrokerConfs>(cf->pool);
    conf->stream_logs = create_in<StreamLogs>(cf->pool);
    conf->zone_bytes = NGX_CONF_UNSET_SIZE;
    conf->drain_ms = NGX_CONF_UNSET_MSEC;
    conf->buffer_total_bytes = NGX_CONF_UNSET_SIZE;
    conf->max_worker_channels = NGX_CONF_UNSET_UINT;
    conf->max_connections = NGX_CONF_UNSET_UINT;
    return conf->brokers == nullptr || conf->stream_logs == nullptr ? nullptr : conf;
  });
}

char* init_main_conf(ngx_conf_t* cf, void* conf) {
  auto* main = static_cast<MainConf*>(conf);
  ngx_conf_init_msec_value(main->drain_ms, kDrainMs);
  ngx_conf_init_size_value(main->buffer_total_bytes, kBufferTotalBytes);
  ngx_conf_init_uint_value(main->max_worker_channels, kMaxWorkerChannels);
  ngx_conf_init_size_value(main->zone_bytes, kZoneBytes);
  return hook_stream_logs(cf, *main->stream_logs) && add_zone(cf, *main) ? NGX_CONF_OK : kConfError;
}

void* create_loc_conf(ngx_conf_t* cf) {
  auto* conf = static_cast<LocConf*>(ngx_pcalloc(cf->pool, sizeof(LocConf)));
  if (conf == nullptr) {
    return nullptr;
  }
  conf->broker_connect_timeout_ms = NGX_CONF_UNSET_MSEC;
  conf->broker_read_timeout_ms = NGX_CONF_UNSET_MSEC;
  conf->channel_type = NGX_CONF_UNSET_UINT;
  conf->start = NGX_CONF_UNSET_UINT;
  conf->max_replay = NGX_CONF_UNSET_UINT;
  conf->last_event_id = static_cast<ngx_http_complex_value_t*>(NGX_CONF_UNSET_PTR);
  conf->payload = NGX_CONF_UNSET_UINT;
  conf->default_event_kind = NGX_CONF_UNSET_UINT;
  conf->greeting = static_cast<ngx_http_complex_value_t*>(NGX_CONF_UNSET_PTR);
  conf->retry.state = NGX_CONF_UNSET_UINT;
  conf->retry_later.state = NGX_CONF_UNSET_UINT;
  conf->max_lifetime.state = NGX_CONF_UNSET_UINT;
  conf->open_timeout_ms = NGX_CONF_UNSET_MSEC;
  conf->keepalive_ms = NGX_CONF_UNSET_MSEC;
  conf->send_timeout_ms = NGX_CONF_UNSET_MSEC;
  conf->max_message_bytes = NGX_CONF_UNSET_SIZE;
  conf->buffer_bytes = NGX_CONF_UNSET_SIZE;
  conf->max_channels = NGX_CONF_UNSET_UINT;
  conf->max_subscribers = NGX_CONF_UNSET_UINT;
  conf->slow = NGX_CONF_UNSET_UINT;
  conf->direct = NGX_CONF_UNSET;
  conf->compact = NGX_CONF_UNSET;
  conf->stream_log = static_cast<StreamLog*>(NGX_CONF_UNSET_PTR);
  conf->limit_conn = static_cast<LimitConn*>(NGX_CONF_UNSET_PTR);
  return conf;
}

char* merge_loc_conf(ngx_conf_t* cf, void* parent, void* child) {
  auto* prev = static_cast<LocConf*>(parent);
  auto* conf = static_cast<LocConf*>(child);

  if (conf->broker_url.data == nullptr) {
    conf->broker_url = prev->broker_url;
    conf->password_file = prev->password_file;
  }
  ngx_conf_merge_msec_value(conf->broker_connect_timeout_ms, prev->broker_connect_timeout_ms, 5000);
  ngx_conf_merge_msec_value(conf->broker_read_timeout_ms, prev->broker_read_timeout_ms, 5000);

  ngx_conf_merge_uint_value(conf->channel_type, prev->channel_type, static_cast<ngx_uint_t>(ChannelType::pubsub));
  if (conf->start == NGX_CONF_UNSET_UINT) {
    conf->start_last = prev->start_last;
  }
  ngx_conf_merge_uint_value(conf->start, prev->start, static_cast<ngx_uint_t>(Start::live));
  ngx_conf_merge_uint_value(conf->max_replay, prev->max_replay, DurableOptions().max_replay);
  ngx_conf_merge_ptr_value(conf->last_event_id, prev->last_event_id, nullptr);

  ngx_conf_merge_uint_value(conf->payload, prev->payload, static_cast<ngx_uint_t>(PayloadForm::text));
  if (conf->default_event_kind == NGX_CONF_UNSET_UINT) {
    conf->default_event_name = prev->default_event_name;
  }
  ngx_conf_merge_uint_value(conf->default_event_kind, prev->default_event_kind, static_cast<ngx_uint_t>(DefaultEvent::Kind::none));
  ngx_conf_merge_str_value(conf->reset_event, prev->reset_event, "reset");
  ngx_conf_merge_ptr_value(conf->greeting, prev->greeting, nullptr);
  merge(conf->retry, prev->retry, {1, 2000, 2000});
  merge(conf->max_lifetime, prev->max_lifetime, {0, 0, 0});

  ngx_conf_merge_msec_value(conf->open_timeout_ms, prev->open_timeout_ms, 5000);
  ngx_conf_merge_msec_value(conf->keepalive_ms, prev->keepalive_ms, 15000);
  ngx_conf_merge_msec_value(conf->send_timeout_ms, prev->send_timeout_ms, 30000);
  ngx_conf_merge_size_value(conf->max_message_bytes, prev->max_message_bytes, 1024 * 1024);
  ngx_conf_merge_size_value(conf->buffer_bytes, prev->buffer_bytes, 4 * 1024 * 1024);
  ngx_conf_merge_uint_value(conf->max_channels, prev->max_channels, 32);
  ngx_conf_merge_uint_value(conf->max_subscribers, prev->max_subscribers, 0);
  ngx_conf_merge_uint_value(conf->slow, prev->slow, static_cast<ngx_uint_t>(SlowPolicy::close));
  ngx_conf_merge_value(conf->direct, prev->direct, 1);
  ngx_conf_merge_value(conf->compact, prev->compact, 0);
  ngx_conf_merge_ptr_value(conf->stream_log, prev->stream_log, nullptr);
  ngx_conf_merge_ptr_value(conf->limit_conn, prev->limit_conn, nullptr);

  auto* core = static_cast<ngx_http_core_loc_conf_t*>(ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));
  // An "if" or "limit_except" block in a location, without a handler of its own.
  if (core->noname && core->handler == nullptr && prev->channels != nullptr) {
    conf->channels = prev->channels;
    core->handler = subscribe_handler;
  } else if (core->noname && core->handler == nullptr && prev->retry_later.state != NGX_CONF_UNSET_UINT) {
    conf->retry_later = prev->retry_later;
    core->handler = retry_later_handler;
  }
  if (conf->retry_later.state == 0) {
    conf->retry_later = conf->retry;
  }
  if (conf->channels == nullptr) {
    return NGX_CONF_OK;
  }
  const bool ok = fence(cf->log, false, [&] { return complete(cf, *conf); });
  return ok ? NGX_CONF_OK : static_cast<char*>(NGX_CONF_ERROR);
}

}  // namespace sse::ngx
