#include "broker_conf.hpp"

#include <algorithm>
#include <fstream>

namespace sse::ngx {

namespace {

std::string key_of(const BrokerConf& broker) {
  std::string key;
  for (const std::string& part :
       {broker.name, broker.url.user, broker.url.password, std::to_string(broker.connect_timeout_ms),
        std::to_string(broker.read_timeout_ms), std::to_string(reinterpret_cast<std::uintptr_t>(broker.resolver))}) {
    key += part;
    key += '\n';
  }
  return key;
}

// The first line of the file, so that an editor's line end does no harm.
bool read_password(ngx_conf_t* cf, std::string_view path, std::string& password) {
  ngx_str_t name = copy(cf->pool, path);
  if (name.data == nullptr || ngx_conf_full_name(cf->cycle, &name, 1) != NGX_OK) {
    return false;
  }
  std::ifstream file(std::string(view(name)));
  std::getline(file, password);
  if (!password.empty() && password.back() == '\r') {
    password.pop_back();
  }
  if (password.empty()) {
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"sse_broker\": cannot read a password from the first line of \"%V\"", &name);
    return false;
  }
  return true;
}

bool resolve(ngx_conf_t* cf, BrokerConf& broker) {
  ngx_url_t url;
  ngx_memzero(&url, sizeof(url));
  std::string text;
  if (broker.url.kind == BrokerUrl::Kind::unix_socket) {
    text = "unix:" + broker.url.path;
  } else if (broker.url.host.find(':') != std::string::npos) {
    text = "[" + broker.url.host + "]:" + std::to_string(broker.url.port);
  } else {
    text = broker.url.host + ":" + std::to_string(broker.url.port);
  }
  url.url = copy(cf->pool, text);
  url.no_resolve = broker.resolver != nullptr;
  if (ngx_parse_url(cf->pool, &url) != NGX_OK) {
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"sse_broker\": %s \"%s\"", url.err != nullptr ? url.err : "cannot use", broker.name.c_str());
    return false;
  }
  for (ngx_uint_t i = 0; i < url.naddrs; ++i) {
    const ngx_addr_t& address = url.addrs[i];
    broker.addresses.push_back(
        {std::string(reinterpret_cast<const char*>(address.sockaddr), address.socklen), std::string(view(address.name))});
  }
  if (!broker.addresses.empty()) {
    broker.resolver = nullptr;  // an address needs none
  }
  return true;
}

}  // namespace

BrokerConf* find_or_add_broker(ngx_conf_t* cf, BrokerConfs& brokers, const BrokerDirectives& directives) {
  auto broker = std::make_unique<BrokerConf>();
  std::string error;
  if (!parse_broker_url(directives.url, broker->url, error)) {
    return nullptr;  // cannot be: the directive was checked when it was read
  }
  if (!directives.password_file.empty() && !read_password(cf, directives.password_file, broker->url.password)) {
    return nullptr;
  }
  broker->name = display_name(broker->url);
  broker->connect_timeout_ms = directives.connect_timeout_ms;
  broker->read_timeout_ms = directives.read_timeout_ms;
  broker->largest_message_bytes = directives.max_message_bytes;

  auto* core = static_cast<ngx_http_core_loc_conf_t*>(ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));
  if (core->resolver != nullptr && core->resolver->connections.nelts != 0) {
    broker->resolver = core->resolver;
    broker->resolver_timeout_ms = core->resolver_timeout;
  }
  broker->key = key_of(*broker);

  const auto found = std::find_if(brokers.begin(), brokers.end(), [&broker](const auto& other) { return other->key == broker->key; });
  if (found == brokers.end()) {
    if (!resolve(cf, *broker)) {
      return nullptr;
    }
    brokers.push_back(std::move(broker));
    return brokers.back().get();
  }
  std::size_t& largest = (*found)->largest_message_bytes;
  largest = largest == 0 || directives.max_message_bytes == 0 ? 0 : std::max(largest, directives.max_message_bytes);
  return found->get();
}

}  // namespace sse::ngx
