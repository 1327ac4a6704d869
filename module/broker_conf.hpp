// A broker as the configuration names it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "broker_url.hpp"
#include "ngx.hpp"

namespace sse::ngx {

struct Address {
  std::string sockaddr;  // the bytes of the structure
  std::string name;
};

// One for each different broker of a configuration; lives as long as it.
struct BrokerConf {
  BrokerUrl url;
  std::string name;  // for logs, without credentials
  std::string key;   // equal for equal brokers; holds credentials
  ngx_msec_t connect_timeout_ms = 0;
  ngx_msec_t read_timeout_ms = 0;
  std::vector<Address> addresses;  // empty: `resolver` finds them at each connect
  ngx_resolver_t* resolver = nullptr;
  ngx_msec_t resolver_timeout_ms = 0;
  std::size_t largest_message_bytes = 0;  // of the locations that use it; 0: no limit
};

// What a location says about its broker.
struct BrokerDirectives {
  std::string_view url;
  std::string_view password_file;  // empty: none
  ngx_msec_t connect_timeout_ms;
  ngx_msec_t read_timeout_ms;
  std::size_t max_message_bytes;
};

using BrokerConfs = std::vector<std::unique_ptr<BrokerConf>>;

// The broker that these directives name, the same object for the same broker. Null after an error, which was logged. To be called when
// the location's core directives (resolver) are merged.
BrokerConf* find_or_add_broker(ngx_conf_t* cf, BrokerConfs& brokers, const BrokerDirectives& directives);

}  // namespace sse::ngx
