#include "limit_conn.hpp"

#include "conf.hpp"
#include "setters.hpp"

namespace sse::ngx {

char* set_limit_conn(ngx_conf_t* cf, ngx_command_t* cmd, void* data) {
  auto& field = static_cast<LocConf*>(data)->limit_conn;
  constexpr std::string_view kKey = "key=";
  if (field != NGX_CONF_UNSET_PTR) {
    return kDuplicate;
  }
  const ngx_str_t& number = argument(cf, 1);
  const ngx_int_t limit = view(number) == "off" ? 0 : ngx_atoi(number.data, number.len);
  if (limit == NGX_ERROR) {
    return invalid(cf, cmd, number, "a number, or \"off\", is allowed");
  }
  ngx_str_t expression = ngx_string("$binary_remote_addr");
  if (cf->args->nelts == 3) {
    std::string_view text = view(argument(cf, 2));
    if (text.substr(0, kKey.size()) != kKey || text.size() == kKey.size()) {
      return invalid(cf, cmd, argument(cf, 2), "\"key=value\", such as \"key=$arg_user\", is allowed after the number");
    }
    text.remove_prefix(kKey.size());
    expression = borrow(text);
  }
  auto* key = static_cast<ngx_http_complex_value_t*>(ngx_palloc(cf->pool, sizeof(ngx_http_complex_value_t)));
  auto* conf = static_cast<LimitConn*>(ngx_palloc(cf->pool, sizeof(LimitConn)));
  if (key == nullptr || conf == nullptr) {
    return kConfError;
  }
  ngx_http_compile_complex_value_t compile;
  ngx_memzero(&compile, sizeof(compile));
  compile.cf = cf;
  compile.value = &expression;
  compile.complex_value = key;
  if (ngx_http_compile_complex_value(&compile) != NGX_OK) {
    return kConfError;
  }
  if (limit == 0) {
    field = nullptr;
    return NGX_CONF_OK;
  }
  *conf = {static_cast<ngx_uint_t>(limit), key, expression};
  field = conf;
  static_cast<MainConf*>(ngx_http_conf_get_module_main_conf(cf, ngx_http_sse_module))->needs_zone = 1;
  return NGX_CONF_OK;
}

}  // namespace sse::ngx
