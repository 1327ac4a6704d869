// The directive table, and what reads values that only one directive takes.
#include <cstddef>

#include "conf.hpp"
#include "decimal.hpp"
#include "event.hpp"
#include "fence.hpp"
#include "retry_later.hpp"
#include "setters.hpp"
#include "subscribe_handler.hpp"
#include "subscriber.hpp"

namespace sse::ngx {

namespace {

char kTwoHandlers[] = "cannot share a location: \"sse_subscribe\", \"sse_subscribe_list\" and \"sse_retry_later\" answer requests";

template <class Enum>
constexpr ngx_uint_t number(Enum value) {
  return static_cast<ngx_uint_t>(value);
}

ngx_conf_enum_t payload_forms[] = {
    {ngx_string("text"), number(PayloadForm::text)},
    {ngx_string("json"), number(PayloadForm::json)},
    {ngx_string("event"), number(PayloadForm::event)},
    {ngx_null_string, 0},
};

ngx_conf_enum_t channel_types[] = {
    {ngx_string("pubsub"), number(ChannelType::pubsub)},
    {ngx_string("stream"), number(ChannelType::stream)},
    {ngx_null_string, 0},
};

ngx_conf_enum_t slow_policies[] = {
    {ngx_string("close"), number(SlowPolicy::close)},
    {ngx_string("skip"), number(SlowPolicy::skip)},
    {ngx_null_string, 0},
};

char* set_start(ngx_conf_t* cf, ngx_command_t* cmd, void* data) {
  auto* conf = static_cast<LocConf*>(data);
  constexpr std::string_view kLast = "last=";
  constexpr std::size_t kMostLast = 1000;
  if (conf->start != NGX_CONF_UNSET_UINT) {
    return kDuplicate;
  }
  const std::string_view text = view(argument(cf, 1));
  std::size_t last = 0;
  Start start = Start::last;
  if (text == "new") {
    start = Start::live;
  } else if (text == "oldest") {
    start = Start::oldest;
  } else if (text.substr(0, kLast.size()) != kLast || !parse_decimal(text.substr(kLast.size()), last) || last == 0 || last > kMostLast) {
    return invalid(cf, cmd, argument(cf, 1), "\"new\", \"oldest\" or \"last=\" with a number from 1 to 1000 is allowed");
  }
  conf->start = number(start);
  conf->start_last = last;
  return NGX_CONF_OK;
}

bool is_event_name(const ngx_str_t& name) { return name.len != 0 && is_valid_event_name(view(name)); }

char* set_default_event(ngx_conf_t* cf, ngx_command_t* cmd, void* data) {
  auto* conf = static_cast<LocConf*>(data);
  if (conf->default_event_kind != NGX_CONF_UNSET_UINT) {
    return kDuplicate;
  }
  const ngx_str_t& text = argument(cf, 1);
  DefaultEvent::Kind kind = DefaultEvent::Kind::named;
  if (view(text) == "none") {
    kind = DefaultEvent::Kind::none;
  } else if (view(text) == "channel") {
    kind = DefaultEvent::Kind::channel;
  } else if (!is_event_name(text)) {
    return invalid(cf, cmd, text, "\"none\", \"channel\" or an event name without line ends is allowed");
  } else {
    conf->default_event_name = text;
  }
  conf->default_event_kind = number(kind);
  return NGX_CONF_OK;
}

char* set_reset_event(ngx_conf_t* cf, ngx_command_t* cmd, void* data) {
  auto* conf = static_cast<LocConf*>(data);
  if (conf->reset_event.data != nullptr) {
    return kDuplicate;
  }
  const ngx_str_t& text = argument(cf, 1);
  if (!is_event_name(text)) {
    return invalid(cf, cmd, text, "an event name without line ends is allowed");
  }
  conf->reset_event = text;
  return NGX_CONF_OK;
}

char* set_broker(ngx_conf_t* cf, ngx_command_t* cmd, void* data) {
  auto* conf = static_cast<LocConf*>(data);
  constexpr std::string_view kPasswordFile = "password_file=";
  if (conf->broker_url.data != nullptr) {
    return kDuplicate;
  }
  BrokerUrl url;
  std::string error;
  if (!parse_broker_url(view(argument(cf, 1)), url, error)) {
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid value \"%s\" in \"%V\": %s", redact_broker_url(view(argument(cf, 1))).c_str(),
                       &cmd->name, error.c_str());
    return kConfError;
  }
  conf->broker_url = argument(cf, 1);
  for (ngx_uint_t i = 2; i < cf->args->nelts; ++i) {
    std::string_view text = view(argument(cf, i));
    if (text.substr(0, kPasswordFile.size()) != kPasswordFile || text.size() == kPasswordFile.size()) {
      return invalid(cf, cmd, argument(cf, i), "\"password_file=path\" is allowed after the URL");
    }
    text.remove_prefix(kPasswordFile.size());
    conf->password_file = borrow(text);
  }
  return NGX_CONF_OK;
}

char* add_channels(ngx_conf_t* cf, const ngx_command_t* cmd, void* data, ChannelSpec::Form form) {
  auto* conf = static_cast<LocConf*>(data);
  if (conf->retry_later.state != NGX_CONF_UNSET_UINT) {
    return kTwoHandlers;
  }
  if (conf->channels == nullptr) {
    conf->channels = create_in<std::vector<ChannelSpec>>(cf->pool);
    if (conf->channels == nullptr) {
      return kConfError;
    }
  }
  for (const ChannelSpec& spec : *conf->channels) {
    if (spec.form() == form) {
      return kDuplicate;
    }
  }
  std::vector<ChannelSpec> specs(cf->args->nelts - 1);
  for (ngx_uint_t i = 1; i < cf->args->nelts; ++i) {
    std::string error;
    if (!specs[i - 1].compile(cf, argument(cf, i), form, error)) {
      return error.empty() ? kConfError : invalid(cf, cmd, argument(cf, i), error.c_str());
    }
  }
  conf->channels->insert(conf->channels->end(), specs.begin(), specs.end());
  auto* core = static_cast<ngx_http_core_loc_conf_t*>(ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));
  core->handler = subscribe_handler;
  return NGX_CONF_OK;
}

// Without arguments it says what sse_retry says.
char* set_retry_later(ngx_conf_t* cf, ngx_command_t* cmd, void* data) {
  auto* conf = static_cast<LocConf*>(data);
  if (conf->channels != nullptr) {
    return kTwoHandlers;
  }
  if (cf->args->nelts > 1) {
    char* const result = set_jittered_time(cf, cmd, data);
    if (result != NGX_CONF_OK) {
      return result;
    }
  } else if (conf->retry_later.state != NGX_CONF_UNSET_UINT) {
    return kDuplicate;
  } else {
    conf->retry_later = {0, 0, 0};
  }
  auto* core = static_cast<ngx_http_core_loc_conf_t*>(ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));
  core->handler = retry_later_handler;
  return NGX_CONF_OK;
}

// Wraps a setter that may throw.
template <char* (*Setter)(ngx_conf_t*, ngx_command_t*, void*)>
char* fenced(ngx_conf_t* cf, ngx_command_t* cmd, void* conf) {
  return fence(cf->log, kConfError, [&] { return Setter(cf, cmd, conf); });
}

char* set_subscribe(ngx_conf_t* cf, ngx_command_t* cmd, void* conf) { return add_channels(cf, cmd, conf, ChannelSpec::Form::one); }
char* set_subscribe_list(ngx_conf_t* cf, ngx_command_t* cmd, void* conf) { return add_channels(cf, cmd, conf, ChannelSpec::Form::list); }

constexpr ngx_uint_t kEverywhere = NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF;

}  // namespace

#define SSE_CHOICE(field, words) NGX_HTTP_LOC_CONF_OFFSET, offsetof(LocConf, field), words
#define SSE_LOC(field) SSE_CHOICE(field, nullptr)
#define SSE_MAIN(field) NGX_HTTP_MAIN_CONF_OFFSET, offsetof(MainConf, field), nullptr

ngx_command_t commands[] = {
    {ngx_string("sse_subscribe"), NGX_HTTP_LOC_CONF | NGX_CONF_1MORE, fenced<set_subscribe>, SSE_LOC(channels)},
    {ngx_string("sse_subscribe_list"), NGX_HTTP_LOC_CONF | NGX_CONF_TAKE1, fenced<set_subscribe_list>, SSE_LOC(channels)},
    {ngx_string("sse_retry_later"), NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS | NGX_CONF_TAKE12, set_retry_later, SSE_LOC(retry_later)},

    {ngx_string("sse_broker"), kEverywhere | NGX_CONF_TAKE12, fenced<set_broker>, SSE_LOC(broker_url)},
    {ngx_string("sse_broker_connect_timeout"), kEverywhere | NGX_CONF_TAKE1, set_time, SSE_LOC(broker_connect_timeout_ms)},
    {ngx_string("sse_broker_read_timeout"), kEverywhere | NGX_CONF_TAKE1, set_time, SSE_LOC(broker_read_timeout_ms)},

    {ngx_string("sse_channel_type"), kEverywhere | NGX_CONF_TAKE1, fenced<set_choice>, SSE_CHOICE(channel_type, channel_types)},
    {ngx_string("sse_start"), kEverywhere | NGX_CONF_TAKE1, set_start, SSE_LOC(start)},
    {ngx_string("sse_max_replay"), kEverywhere | NGX_CONF_TAKE1, set_number_or_off, SSE_LOC(max_replay)},
    {ngx_string("sse_last_event_id"), kEverywhere | NGX_CONF_TAKE1, ngx_http_set_complex_value_slot, SSE_LOC(last_event_id)},

    {ngx_string("sse_payload"), kEverywhere | NGX_CONF_TAKE1, fenced<set_choice>, SSE_CHOICE(payload, payload_forms)},
    {ngx_string("sse_default_event"), kEverywhere | NGX_CONF_TAKE1, set_default_event, SSE_LOC(default_event_kind)},
    {ngx_string("sse_reset_event"), kEverywhere | NGX_CONF_TAKE1, set_reset_event, SSE_LOC(reset_event)},
    {ngx_string("sse_greeting"), kEverywhere | NGX_CONF_TAKE1, ngx_http_set_complex_value_slot, SSE_LOC(greeting)},
    {ngx_string("sse_retry"), kEverywhere | NGX_CONF_TAKE12, set_jittered_time_or_off, SSE_LOC(retry)},

    {ngx_string("sse_open_timeout"), kEverywhere | NGX_CONF_TAKE1, set_time, SSE_LOC(open_timeout_ms)},
    {ngx_string("sse_keepalive"), kEverywhere | NGX_CONF_TAKE1, set_time_or_off, SSE_LOC(keepalive_ms)},
    {ngx_string("sse_send_timeout"), kEverywhere | NGX_CONF_TAKE1, set_time_or_off, SSE_LOC(send_timeout_ms)},
    {ngx_string("sse_max_message"), kEverywhere | NGX_CONF_TAKE1, set_size_or_off, SSE_LOC(max_message_bytes)},
    {ngx_string("sse_buffer_size"), kEverywhere | NGX_CONF_TAKE1, set_size_or_off, SSE_LOC(buffer_bytes)},
    {ngx_string("sse_max_channels"), kEverywhere | NGX_CONF_TAKE1, set_number_or_off, SSE_LOC(max_channels)},
    {ngx_string("sse_max_subscribers"), kEverywhere | NGX_CONF_TAKE1, set_number_or_off, SSE_LOC(max_subscribers)},
    {ngx_string("sse_max_lifetime"), kEverywhere | NGX_CONF_TAKE12, set_jittered_time_or_off, SSE_LOC(max_lifetime)},
    {ngx_string("sse_slow_subscriber"), kEverywhere | NGX_CONF_TAKE1, fenced<set_choice>, SSE_CHOICE(slow, slow_policies)},
    {ngx_string("sse_direct"), kEverywhere | NGX_CONF_TAKE1, set_flag, SSE_LOC(direct)},
    {ngx_string("sse_compact"), kEverywhere | NGX_CONF_TAKE1, set_flag, SSE_LOC(compact)},
    {ngx_string("sse_limit_conn"), kEverywhere | NGX_CONF_TAKE12, fenced<set_limit_conn>, SSE_LOC(limit_conn)},
    {ngx_string("sse_log"), kEverywhere | NGX_CONF_TAKE123, fenced<set_stream_log>, SSE_LOC(stream_log)},

    {ngx_string("sse_buffer_total"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE1, set_size_or_off, SSE_MAIN(buffer_total_bytes)},
    {ngx_string("sse_max_worker_channels"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE1, set_number_or_off, SSE_MAIN(max_worker_channels)},
    {ngx_string("sse_max_connections"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE1, set_number_or_off, SSE_MAIN(max_connections)},
    {ngx_string("sse_zone"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE1, fenced<set_zone_size>, SSE_MAIN(zone_bytes)},
    {ngx_string("sse_drain"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE1, set_time_or_off, SSE_MAIN(drain_ms)},

    ngx_null_command,
};

}  // namespace sse::ngx
