// What reads the values of directives into fields of a configuration. A wrong value stops nginx with what was given and what is allowed.
#pragma once

#include "ngx.hpp"

namespace sse::ngx {

// A time, and at most how much longer it may be: chosen anew each time, so that many do not come at once.
struct JitteredTime {
  ngx_uint_t state;  // NGX_CONF_UNSET_UINT, 0 (off) or 1
  ngx_msec_t time_ms;
  ngx_msec_t jitter_ms;

  ngx_msec_t pick_ms() const { return time_ms + static_cast<ngx_msec_t>(random_up_to(jitter_ms)); }
};

inline char* const kConfError = static_cast<char*>(NGX_CONF_ERROR);
inline char kDuplicate[] = "is duplicate";

inline const ngx_str_t& argument(ngx_conf_t* cf, ngx_uint_t index) { return static_cast<ngx_str_t*>(cf->args->elts)[index]; }

// Logs what is wrong with the value and what is allowed; gives kConfError.
char* invalid(ngx_conf_t* cf, const ngx_command_t* cmd, const ngx_str_t& value, const char* allowed);

// Setters for nginx's directive table. "off" and 0 are 0; a field that is not unset is a duplicate.
char* set_time(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);           // ngx_msec_t, above 0
char* set_time_or_off(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);    // ngx_msec_t
char* set_size_or_off(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);    // size_t, bytes
char* set_number_or_off(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);  // ngx_uint_t
char* set_flag(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);           // ngx_flag_t
char* set_choice(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);  // ngx_uint_t: the value of a word in cmd->post, an ngx_conf_enum_t[]

// JitteredTime: a time with an optional "jitter=time".
char* set_jittered_time(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);
char* set_jittered_time_or_off(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);

}  // namespace sse::ngx
