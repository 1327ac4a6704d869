#include "variables.hpp"

#include "fence.hpp"
#include "request_record.hpp"
#include "start_id.hpp"
#include "stream.hpp"

namespace sse::ngx {

namespace {

std::string channel(const RequestRecord& record) {
  return record.channel_names.empty() ? channel_names(record.stream->subscriber()) : std::string(record.channel_names);
}

std::string events_sent(const RequestRecord& record) { return std::to_string(record.stream->subscriber().events_sent()); }

std::string last_id(const RequestRecord& record) { return record.stream->subscriber().last_id(); }

// Seconds with milliseconds, as $request_time.
std::string stream_time(const RequestRecord& record) {
  if (record.stream->opened_ms() == 0) {
    return "0.000";
  }
  const std::uint64_t ms = now_ms() - record.stream->opened_ms();
  std::string fraction = std::to_string(ms % 1000);
  return std::to_string(ms / 1000) + '.' + std::string(3 - fraction.size(), '0') + fraction;
}

ngx_int_t set_value(ngx_http_request_t* r, ngx_http_variable_value_t* value, std::string_view text) {
  const ngx_str_t copied = copy(r->pool, text);
  if (copied.data == nullptr) {
    return NGX_ERROR;
  }
  value->data = copied.data;
  value->len = static_cast<unsigned>(copied.len);
  value->valid = 1;
  value->no_cacheable = 0;
  value->not_found = text.empty() ? 1 : 0;
  return NGX_OK;
}

using Getter = std::string (*)(const RequestRecord&);

template <Getter Get>
ngx_int_t get_of_stream(ngx_http_request_t* r, ngx_http_variable_value_t* value, uintptr_t) {
  return fence(r->connection->log, static_cast<ngx_int_t>(NGX_ERROR), [&]() -> ngx_int_t {
    const RequestRecord* record = RequestRecord::of(r);
    if (record == nullptr || record->stream == nullptr) {
      value->not_found = 1;
      return NGX_OK;
    }
    return set_value(r, value, Get(*record));
  });
}

// With sse_compact, the access log is written while the stream goes on: there is no reason yet.
std::string_view close_reason(const RequestRecord& record) {
  if (record.stream == nullptr) {
    return to_string(record.refusal);
  }
  return record.stream->subscriber().state() == Subscriber::State::open ? "" : to_string(record.stream->close_reason());
}

ngx_int_t get_close_reason(ngx_http_request_t* r, ngx_http_variable_value_t* value, uintptr_t) {
  return fence(r->connection->log, static_cast<ngx_int_t>(NGX_ERROR), [&]() -> ngx_int_t {
    const RequestRecord* record = RequestRecord::of(r);
    return set_value(r, value, record == nullptr ? "" : close_reason(*record));
  });
}

ngx_int_t get_start_id(ngx_http_request_t* r, ngx_http_variable_value_t* value, uintptr_t) {
  std::string_view id;
  return find_start_id(r, id) ? set_value(r, value, id) : NGX_ERROR;
}

// Their values change while a stream lives: nothing is kept.
ngx_http_variable_t variables[] = {
    {ngx_string("sse_channel"), nullptr, get_of_stream<channel>, 0, NGX_HTTP_VAR_NOCACHEABLE, 0},
    {ngx_string("sse_events_sent"), nullptr, get_of_stream<events_sent>, 0, NGX_HTTP_VAR_NOCACHEABLE, 0},
    {ngx_string("sse_start_id"), nullptr, get_start_id, 0, NGX_HTTP_VAR_NOCACHEABLE, 0},
    {ngx_string("sse_last_id"), nullptr, get_of_stream<last_id>, 0, NGX_HTTP_VAR_NOCACHEABLE, 0},
    {ngx_string("sse_stream_time"), nullptr, get_of_stream<stream_time>, 0, NGX_HTTP_VAR_NOCACHEABLE, 0},
    {ngx_string("sse_close_reason"), nullptr, get_close_reason, 0, NGX_HTTP_VAR_NOCACHEABLE, 0},
};

}  // namespace

ngx_int_t add_variables(ngx_conf_t* cf) {
  for (ngx_http_variable_t& variable : variables) {
    ngx_http_variable_t* added = ngx_http_add_variable(cf, &variable.name, variable.flags);
    if (added == nullptr) {
      return NGX_ERROR;
    }
    added->get_handler = variable.get_handler;
  }
  return NGX_OK;
}

}  // namespace sse::ngx
