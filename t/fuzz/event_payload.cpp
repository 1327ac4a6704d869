// Form `event`: a browser that reads the frame gets what it would get from the payload itself, but for fields that must not be sent.
#include <cstdint>
#include <string>
#include <string_view>

#include "encoded.hpp"

using namespace sse;

namespace {

bool may_be_sent(std::string_view field, std::string_view value) {
  if (field == "id") {
    // Letters, digits and what else a browser may send in Last-Event-ID across origins without asking (WHATWG Fetch).
    constexpr std::string_view kIdBytes = " !#$%&'*+,-./0123456789;=ABCDEFGHIJKLMNOPQRSTUVWXYZ^_`abcdefghijklmnopqrstuvwxyz|~";
    return value.size() <= 128 && value.find_first_not_of(kIdBytes) == std::string_view::npos &&
           (value.empty() || (value.front() != ' ' && value.back() != ' '));
  }
  if (field == "event") {
    return value.find('\0') == std::string_view::npos;
  }
  if (field == "retry") {
    const std::size_t digits = value.size() - std::min(value.find_first_not_of('0'), value.size());
    return !value.empty() && value.find_first_not_of("0123456789") == std::string_view::npos &&
           (digits < 10 || (digits == 10 && std::stoull(std::string(value)) <= UINT32_MAX));
  }
  return true;
}

// The payload as a publisher who knows the rules would have written it: every event begins with the default name.
std::string lawful(const fuzz::Encoded& message) {
  const std::string default_line = message.default_name.empty() ? "" : "event: " + message.default_name + "\n";
  std::string text = reference::with_line_feeds(reference::without_mark(message.payload));
  text += "\n\n";
  std::string out = default_line;
  for (std::size_t begin = 0, end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
    const std::string_view line = std::string_view(text).substr(begin, end - begin);
    const std::size_t colon = std::min(line.find(':'), line.size());
    const std::string_view field = line.substr(0, colon);
    std::string_view value = line.substr(std::min(colon + 1, line.size()));
    value.remove_prefix(!value.empty() && value.front() == ' ' ? 1 : 0);
    if (line.empty()) {
      out += "\n" + default_line;
    } else if (field == "event" && value.empty()) {
      out += default_line.empty() ? "event\n" : default_line;
    } else if (!field.empty() && may_be_sent(field, value)) {
      out.append(line).push_back('\n');
    }
  }
  return reference::repaired(out);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::Encoded message = fuzz::encode(PayloadForm::event, fuzz::Input(data, size));
  reference::Client expected;
  expected.read(lawful(message));
  fuzz::require(message.client.events == expected.events, "the frame dispatches what the payload does");
  fuzz::require(message.client.last_event_id == expected.last_event_id, "the frame leaves the payload's last id");
  fuzz::require(message.client.retry_ms == expected.retry_ms, "the frame leaves the payload's last retry");
  return 0;
}
