#include "setters.hpp"

#include <string>

namespace sse::ngx {

namespace {

template <class Type>
Type& field(const ngx_command_t* cmd, void* conf) {
  return *reinterpret_cast<Type*>(static_cast<char*>(conf) + cmd->offset);
}

bool parse_time(const ngx_str_t& text, ngx_msec_t& ms) {
  ngx_str_t copy = text;
  const ngx_int_t parsed = ngx_parse_time(&copy, 0);
  if (parsed == NGX_ERROR) {
    return false;
  }
  ms = static_cast<ngx_msec_t>(parsed);
  return true;
}

// The words of a choice as a sentence has them: "a", "b" or "c".
std::string enumerate(const ngx_conf_enum_t* words) {
  std::string text;
  for (const ngx_conf_enum_t* word = words; word->name.len != 0; ++word) {
    const bool is_last = word[1].name.len == 0;
    text.append(word == words ? "" : (is_last ? " or " : ", ")).append("\"").append(view(word->name)).append("\"");
  }
  return text;
}

bool is_off(const ngx_str_t& text) { return view(text) == "off"; }

}  // namespace

char* invalid(ngx_conf_t* cf, const ngx_command_t* cmd, const ngx_str_t& value, const char* allowed) {
  ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid value \"%V\" in \"%V\": %s", &value, &cmd->name, allowed);
  return kConfError;
}

char* set_time_or_off(ngx_conf_t* cf, ngx_command_t* cmd, void* conf) {
  auto& value = field<ngx_msec_t>(cmd, conf);
  if (value != NGX_CONF_UNSET_MSEC) {
    return kDuplicate;
  }
  const ngx_str_t& text = argument(cf, 1);
  if (is_off(text)) {
    value = 0;
  } else if (!parse_time(text, value)) {
    return invalid(cf, cmd, text, "a time such as \"15s\", or \"off\", is allowed");
  }
  return NGX_CONF_OK;
}

char* set_time(ngx_conf_t* cf, ngx_command_t* cmd, void* conf) {
  auto& value = field<ngx_msec_t>(cmd, conf);
  if (value != NGX_CONF_UNSET_MSEC) {
    return kDuplicate;
  }
  const ngx_str_t& text = argument(cf, 1);
  if (!parse_time(text, value) || value == 0) {
    return invalid(cf, cmd, text, "a time above 0, such as \"5s\", is allowed");
  }
  return NGX_CONF_OK;
}

char* set_size_or_off(ngx_conf_t* cf, ngx_command_t* cmd, void* conf) {
  auto& value = field<size_t>(cmd, conf);
  if (value != NGX_CONF_UNSET_SIZE) {
    return kDuplicate;
  }
  ngx_str_t text = argument(cf, 1);
  const off_t parsed = is_off(text) ? 0 : ngx_parse_offset(&text);  // as ngx_parse_size, and gigabytes
  if (parsed == NGX_ERROR) {
    return invalid(cf, cmd, text, "a size such as \"1m\", or \"off\", is allowed");
  }
  value = static_cast<size_t>(parsed);
  return NGX_CONF_OK;
}

char* set_number_or_off(ngx_conf_t* cf, ngx_command_t* cmd, void* conf) {
  auto& value = field<ngx_uint_t>(cmd, conf);
  if (value != NGX_CONF_UNSET_UINT) {
    return kDuplicate;
  }
  const ngx_str_t& text = argument(cf, 1);
  const ngx_int_t parsed = is_off(text) ? 0 : ngx_atoi(text.data, text.len);
  if (parsed == NGX_ERROR) {
    return invalid(cf, cmd, text, "a number, or \"off\", is allowed");
  }
  value = static_cast<ngx_uint_t>(parsed);
  return NGX_CONF_OK;
}

char* set_flag(ngx_conf_t* cf, ngx_command_t* cmd, void* conf) {
  auto& value = field<ngx_flag_t>(cmd, conf);
  if (value != NGX_CONF_UNSET) {
    return kDuplicate;
  }
  const ngx_str_t& text = argument(cf, 1);
  if (view(text) != "on" && view(text) != "off") {
    return invalid(cf, cmd, text, "\"on\" or \"off\" is allowed");
  }
  value = view(text) == "on" ? 1 : 0;
  return NGX_CONF_OK;
}

char* set_choice(ngx_conf_t* cf, ngx_command_t* cmd, void* conf) {
  auto& value = field<ngx_uint_t>(cmd, conf);
  if (value != NGX_CONF_UNSET_UINT) {
    return kDuplicate;
  }
  const auto* words = static_cast<const ngx_conf_enum_t*>(cmd->post);
  for (const ngx_conf_enum_t* word = words; word->name.len != 0; ++word) {
    if (view(word->name) == view(argument(cf, 1))) {
      value = word->value;
      return NGX_CONF_OK;
    }
  }
  return invalid(cf, cmd, argument(cf, 1), (enumerate(words) + " is allowed").c_str());
}

char* set_jittered_time(ngx_conf_t* cf, ngx_command_t* cmd, void* conf) {
  auto& value = field<JitteredTime>(cmd, conf);
  constexpr const char* kAllowed = "a time such as \"2s\" with an optional \"jitter=2s\" is allowed";
  constexpr std::string_view kJitter = "jitter=";
  if (value.state != NGX_CONF_UNSET_UINT) {
    return kDuplicate;
  }
  JitteredTime time{1, 0, 0};
  if (!parse_time(argument(cf, 1), time.time_ms)) {
    return invalid(cf, cmd, argument(cf, 1), kAllowed);
  }
  if (cf->args->nelts == 3) {
    std::string_view text = view(argument(cf, 2));
    if (text.substr(0, kJitter.size()) != kJitter) {
      return invalid(cf, cmd, argument(cf, 2), kAllowed);
    }
    text.remove_prefix(kJitter.size());
    if (!parse_time(borrow(text), time.jitter_ms)) {
      return invalid(cf, cmd, argument(cf, 2), kAllowed);
    }
  }
  value = time;
  return NGX_CONF_OK;
}

char* set_jittered_time_or_off(ngx_conf_t* cf, ngx_command_t* cmd, void* conf) {
  auto& value = field<JitteredTime>(cmd, conf);
  if (value.state == NGX_CONF_UNSET_UINT && is_off(argument(cf, 1)) && cf->args->nelts == 2) {
    value = {0, 0, 0};
    return NGX_CONF_OK;
  }
  return set_jittered_time(cf, cmd, conf);
}

}  // namespace sse::ngx
