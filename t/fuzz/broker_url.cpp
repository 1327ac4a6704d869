// Broker URLs: what is parsed is what was written, and a password that was given is shown nowhere.
#include <cstdint>
#include <string>
#include <string_view>

#include "broker_url.hpp"
#include "input.hpp"
#include "require.hpp"

using namespace sse;

namespace {

constexpr std::string_view kSecret = "hunter2";

bool has_secret(std::string_view text) { return text.find(kSecret) != std::string_view::npos; }

// What a shell or a terminal might act on is gone from what is shown.
bool is_printable(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == 127) {
      return false;
    }
  }
  return true;
}

// Every byte that is not a letter or a digit is escaped, or not if it need not be.
std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kHex = "0123456789aBcDeF";
  constexpr std::string_view kPlain = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-._~!$&'()*+,;=";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (kPlain.find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += {'%', kHex[byte / 16], kHex[byte % 16]};
    }
  }
  return out;
}

void check_any(const std::string& text) {
  fuzz::require(is_printable(redact_broker_url(text)), "a redacted URL is printable");
  BrokerUrl url;
  url.host = "untouched";
  std::string error;
  if (!parse_broker_url(text, url, error)) {
    fuzz::require(!error.empty() && is_printable(error), "an error is told");
    fuzz::require(url.host == "untouched" && url.path.empty(), "an error leaves the result alone");
    return;
  }
  const bool is_unix = url.kind == BrokerUrl::Kind::unix_socket;
  fuzz::require(is_unix ? !url.path.empty() && url.host == BrokerUrl().host : !url.host.empty() && url.path.empty(), "a URL has a place");
  fuzz::require(url.port != 0, "a URL has a port");

  const std::string shown = display_name(url);
  fuzz::require(is_printable(shown), "a display name is printable");
  fuzz::require(is_unix || shown.find('@') == std::string::npos, "a display name has no credentials");
  BrokerUrl again;
  fuzz::require(parse_broker_url(shown, again, error), "a display name is a URL");
  fuzz::require(again.kind == url.kind && again.host == url.host && again.port == url.port && again.path == url.path && again.db == url.db,
                "a display name names the same place");
  fuzz::require(again.user.empty() && again.password.empty(), "a display name has no credentials");
}

// A secret is part of the password of an otherwise arbitrary URL.
void check_secret(fuzz::Input input) {
  const std::string scheme(input.coin() ? std::string_view("redis://") : input.line());
  const std::string user(input.line());
  const std::string password = std::string(input.line()) + std::string(kSecret) + std::string(input.line());
  const std::string after(input.rest());
  const std::string text = scheme + percent_encoded(user) + ":" + percent_encoded(password) + "@" + after;
  if (has_secret(scheme) || has_secret(user) || has_secret(after)) {
    return;
  }
  check_any(text);
  BrokerUrl url;
  std::string error;
  if (!parse_broker_url(text, url, error)) {
    fuzz::require(!has_secret(error), "an error shows no password");
  } else if (url.kind == BrokerUrl::Kind::tcp) {
    const bool is_whole = scheme == "redis://";  // a line may hold the beginning of the credentials, too
    fuzz::require(!is_whole || (url.user == user && url.password == password), "credentials are what was given");
    fuzz::require(!has_secret(display_name(url)), "a display name shows no password");
  }
  const bool is_path = scheme.substr(0, 5) == "unix:";  // has no password: what stands there is the path
  fuzz::require(is_path || !has_secret(redact_broker_url(text)), "a redacted URL shows no password");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  if (input.coin()) {
    check_secret(input);
  } else {
    check_any(std::string(input.rest()));
  }
  return 0;
}
