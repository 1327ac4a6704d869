// Where the broker is: redis://[user:password@]host[:port][/db] or unix:/path.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sse {

struct BrokerUrl {
  enum class Kind : std::uint8_t { tcp, unix_socket };

  Kind kind = Kind::tcp;
  std::string host;  // name or address, IPv6 without its brackets; tcp only
  std::uint16_t port = 6379;
  std::string path;      // unix_socket only
  std::string user;      // may be given without a password: it can come from elsewhere
  std::string password;  // may be given without a user
  std::uint32_t db = 0;
};

// False leaves `out` unchanged and sets `error` to what is wrong and what is allowed. An error quotes nothing of the URL: a mistyped one
// may hold its password anywhere, and errors go to terminals and logs.
bool parse_broker_url(std::string_view text, BrokerUrl& out, std::string& error);

// The text as it was given, for error messages: what is or may be credentials is replaced by "***", control characters by "?".
std::string redact_broker_url(std::string_view text);

// For logs: the URL without credentials, `redis://host:port/db` or `unix:/path`.
std::string display_name(const BrokerUrl& url);

}  // namespace sse
