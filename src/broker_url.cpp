#include "broker_url.hpp"

#include <cstddef>
#include <utility>

#include "decimal.hpp"
#include "printable.hpp"

namespace sse {

namespace {

constexpr std::string_view kAllowed = "use redis://[user:password@]host[:port][/db] or unix:/path";
constexpr std::string_view kTcpScheme = "redis://";
constexpr std::string_view kUnixScheme = "unix:";
constexpr std::string_view kLaterSchemes[] = {"local:", "rediss://", "redis+sentinel://", "redis+cluster://"};
constexpr std::size_t kMaxUnixPath = 107;     // bytes; sockaddr_un's sun_path with its NUL
constexpr std::size_t kMaxHost = 253;         // bytes of a DNS name
constexpr std::uint32_t kMaxDb = 0x7fffffff;  // Redis reads it as an int

bool starts_with(std::string_view text, std::string_view prefix) { return text.substr(0, prefix.size()) == prefix; }

bool is_digit(char c) { return c >= '0' && c <= '9'; }

int hex_digit(char c) {
  if (is_digit(c)) {
    return c - '0';
  }
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool percent_decode(std::string_view text, std::string& out) {
  out.clear();
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    const int high = i + 1 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0) {
      return false;
    }
    out.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return true;
}

// The parse_ functions return what is wrong, or null.

const char* parse_credentials(std::string_view text, BrokerUrl& url) {
  const std::size_t colon = text.find(':');
  const std::string_view user = text.substr(0, colon);
  const std::string_view password = colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
  if (text.find('@') != std::string_view::npos) {
    return "a \"@\" in the broker's user or password must be written %40";
  }
  if (user.empty() && password.empty()) {
    return "there is neither a user nor a password before the \"@\" of the broker; leave out the \"@\", or give them as user:password@";
  }
  if (!percent_decode(user, url.user) || !percent_decode(password, url.password)) {
    return "a \"%\" in the broker's user or password must be followed by two hexadecimal digits; a \"%\" itself is written %25";
  }
  return nullptr;
}

const char* parse_port(std::string_view text, BrokerUrl& url) {
  std::uint16_t port = 0;
  if (!parse_decimal(text, port) || port == 0) {
    return "the broker's port must be a number from 1 to 65535";
  }
  url.port = port;
  return nullptr;
}

const char* parse_ipv6_host(std::string_view text, std::string_view& after, BrokerUrl& url) {
  const std::size_t close = text.find(']');
  if (close == std::string_view::npos) {
    return "the broker's IPv6 address has no closing bracket; write redis://[::1]:6379";
  }
  const std::string_view address = text.substr(1, close - 1);
  bool is_address = address.find(':') != std::string_view::npos;
  for (const char c : address) {
    is_address = is_address && (hex_digit(c) >= 0 || c == ':' || c == '.');
  }
  if (!is_address) {
    return "there must be an IPv6 address between the brackets of the broker's host; write redis://[::1]:6379";
  }
  url.host = address;
  after = text.substr(close + 1);
  return nullptr;
}

const char* parse_named_host(std::string_view text, std::string_view& after, BrokerUrl& url) {
  const std::size_t colon = text.find(':');
  const std::string_view host = text.substr(0, colon);
  if (host.empty()) {
    return "the broker has no host; use redis://[user:password@]host[:port][/db]";
  }
  if (host.size() > kMaxHost) {
    return "the broker's host is longer than 253 bytes";
  }
  for (const char c : host) {
    const char lower = static_cast<char>(c | 0x20);
    if (!is_digit(c) && (lower < 'a' || lower > 'z') && c != '.' && c != '-' && c != '_') {
      return "the broker's host may hold letters, digits, \".\", \"-\" and \"_\"; an IPv6 address stands in brackets";
    }
  }
  url.host = host;
  after = text.substr(host.size());
  return nullptr;
}

const char* parse_host_and_port(std::string_view text, BrokerUrl& url) {
  std::string_view after;
  const bool is_ipv6 = !text.empty() && text.front() == '[';
  if (const char* error = is_ipv6 ? parse_ipv6_host(text, after, url) : parse_named_host(text, after, url)) {
    return error;
  }
  if (after.empty()) {
    return nullptr;
  }
  if (after.front() != ':') {
    return "only \":port\" or \"/db\" may follow the broker's host";
  }
  return parse_port(after.substr(1), url);
}

// `text` begins after the slash.
const char* parse_db(std::string_view text, BrokerUrl& url) {
  std::uint32_t db = 0;
  if (!text.empty() && (!parse_decimal(text, db) || db > kMaxDb)) {
    return "the broker's database must be a number from 0 to 2147483647, and nothing may follow it";
  }
  url.db = db;
  return nullptr;
}

const char* parse_tcp(std::string_view text, BrokerUrl& url) {
  if (text.find_first_of("?#") != std::string_view::npos) {
    return "the broker takes no \"?\" query and no \"#\" fragment; in a user or password they are written %3F and %23";
  }
  const std::size_t slash = text.find('/');
  std::string_view host = text.substr(0, slash);
  const std::string_view db = slash == std::string_view::npos ? std::string_view() : text.substr(slash + 1);
  if (db.find('@') != std::string_view::npos) {
    return "a \"/\" in the broker's user or password must be written %2F";
  }
  const std::size_t at = host.rfind('@');
  if (at != std::string_view::npos) {
    if (const char* error = parse_credentials(host.substr(0, at), url)) {
      return error;
    }
    host.remove_prefix(at + 1);
  }
  if (const char* error = parse_host_and_port(host, url)) {
    return error;
  }
  return parse_db(db, url);
}

const char* parse_unix(std::string_view path, BrokerUrl& url) {
  // Two slashes are how other programs begin a URL that holds credentials: as a path, it would be written to logs.
  if (path.empty() || path.front() != '/' || starts_with(path, "//")) {
    return "the path of the broker's unix socket must begin with one \"/\"; write unix:/path";
  }
  if (path.size() > kMaxUnixPath) {
    return "the path of the broker's unix socket is longer than 107 bytes";
  }
  url.kind = BrokerUrl::Kind::unix_socket;
  url.path = path;
  return nullptr;
}

const char* parse_any(std::string_view text, BrokerUrl& url) {
  for (const char c : text) {
    if (c == ' ' || is_control(c)) {
      return "the broker's URL contains a space or a control character";
    }
  }
  if (starts_with(text, kTcpScheme)) {
    return parse_tcp(text.substr(kTcpScheme.size()), url);
  }
  return parse_unix(text.substr(kUnixScheme.size()), url);
}

}  // namespace

bool parse_broker_url(std::string_view text, BrokerUrl& out, std::string& error) {
  for (const std::string_view scheme : kLaterSchemes) {
    if (starts_with(text, scheme)) {
      error = "a broker with \"";
      error.append(scheme).append("\" is not supported yet; ").append(kAllowed);
      return false;
    }
  }
  if (!starts_with(text, kTcpScheme) && !starts_with(text, kUnixScheme)) {
    error = text.empty() ? "the broker's URL is empty; " : "the broker's URL has an unknown scheme; ";
    error.append(kAllowed);
    return false;
  }
  BrokerUrl url;
  if (const char* wrong = parse_any(text, url)) {
    error = wrong;
    return false;
  }
  out = std::move(url);
  return true;
}

std::string redact_broker_url(std::string_view text) {
  constexpr std::string_view kHidden = "***";
  std::string shown(text);
  for (char& c : shown) {
    c = is_control(c) ? '?' : c;
  }
  const std::size_t scheme = shown.find("://");
  const bool begins_with_scheme = scheme != std::string::npos && scheme < shown.find('@');
  const std::size_t begin = begins_with_scheme ? scheme + 3 : 0;
  const std::size_t at = shown.rfind('@');
  if (at != std::string::npos && at >= begin) {
    return shown.replace(begin, at - begin, kHidden);
  }
  // Without "@" it should be host:port; what is no port may be a password whose host was forgotten.
  const std::size_t colon = shown.find(':', begin);
  if (colon != std::string::npos && shown[begin] != '[' && !starts_with(shown, kUnixScheme) &&
      (colon + 1 == shown.size() || !is_digit(shown[colon + 1]))) {
    shown.replace(colon + 1, std::string::npos, kHidden);
  }
  return shown;
}

std::string display_name(const BrokerUrl& url) {
  if (url.kind == BrokerUrl::Kind::unix_socket) {
    return std::string(kUnixScheme) + url.path;
  }
  const bool is_ipv6 = url.host.find(':') != std::string::npos;
  return std::string(kTcpScheme) + (is_ipv6 ? "[" + url.host + "]" : url.host) + ":" + std::to_string(url.port) + "/" +
         std::to_string(url.db);
}

}  // namespace sse
