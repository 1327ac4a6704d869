#include "start_id.hpp"

#include "conf.hpp"

namespace sse::ngx {

bool find_start_id(ngx_http_request_t* r, std::string_view& id) {
  if (ngx_http_complex_value_t* configured = loc_conf(r).last_event_id) {
    ngx_str_t value;
    if (ngx_http_complex_value(r, configured, &value) != NGX_OK) {
      return false;
    }
    id = view(value);
    return true;
  }
  static ngx_str_t header = ngx_string("http_last_event_id");
  static ngx_str_t argument = ngx_string("arg_last_event_id");
  for (ngx_str_t* name : {&header, &argument}) {
    const ngx_http_variable_value_t* found = ngx_http_get_variable(r, name, ngx_hash_key(name->data, name->len));
    if (found == nullptr) {
      return false;
    }
    if (!found->not_found && found->len != 0) {
      id = {reinterpret_cast<const char*>(found->data), found->len};
      return true;
    }
  }
  id = {};
  return true;
}

}  // namespace sse::ngx
