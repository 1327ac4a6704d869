// Form `json`: the fields that a browser gets are those of the object, as another parser reads it; what is no JSON object is a text.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "encoded.hpp"
#include "reference_json.hpp"

using namespace sse;
using Json = reference::Json;
using Kind = reference::Json::Kind;

namespace {

bool is_string(const Json* value) { return value != nullptr && value->kind == Kind::string; }

bool is_digits(std::string_view text) { return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos; }

// RapidJSON refuses numbers that a double cannot hold, though none is made of them here: such an object is taken as text.
bool has_huge_number(const Json& value) {
  if (value.kind == Kind::number) {
    const std::size_t exponent = value.text.find_first_of("eE");
    return value.text.size() > 300 || (exponent != std::string::npos && std::strtol(&value.text[exponent + 1], nullptr, 10) > 300);
  }
  return std::any_of(value.elements.begin(), value.elements.end(), has_huge_number);
}

void check_data(const std::string& data, const Json* expected) {
  if (expected == nullptr) {
    fuzz::require(data.empty(), "no data is empty data");
  } else if (expected->kind == Kind::string) {
    fuzz::require(data == reference::with_line_feeds(expected->text), "a string is the data");
  } else {
    const auto value = reference::JsonParser::parse(data, reference::JsonParser::Space::forbidden);
    fuzz::require(value && *value == *expected, "what is no string is its compact JSON");
  }
}

void check_type(const std::string& type, const Json* expected, const std::string& default_name) {
  constexpr std::string_view kForbidden("\r\n\0", 3);
  std::string name = is_string(expected) && expected->text.find_first_of(kForbidden) == std::string::npos ? expected->text : "";
  name = name.empty() ? reference::repaired(default_name) : name;
  fuzz::require(type == (name.empty() ? "message" : name), "the name is the object's, or the default");
}

void check_id(const fuzz::Encoded& message, const Json* expected) {
  if (message.result.has_id) {
    fuzz::require(expected != nullptr && (expected->kind == Kind::string || expected->kind == Kind::number) &&
                      expected->text == message.client.last_event_id,
                  "the id is the object's");
  } else {
    fuzz::require(expected == nullptr || expected->kind != Kind::number || !is_digits(expected->text) || expected->text.size() > 128,
                  "a whole number is an id");
  }
}

void check_retry(const reference::Client& client, const Json* expected) {
  const bool is_number = expected != nullptr && expected->kind == Kind::number && is_digits(expected->text);
  const bool fits = is_number && (expected->text.size() < 10 || (expected->text.size() == 10 && std::stoull(expected->text) <= UINT32_MAX));
  fuzz::require(client.retry_ms.has_value() == fits, "a retry is a whole number of milliseconds");
  fuzz::require(!fits || *client.retry_ms == std::stoull(expected->text), "the retry is the object's");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::Encoded message = fuzz::encode(PayloadForm::json, fuzz::Input(data, size));
  fuzz::require(message.client.events.size() == 1, "a payload is one event");
  const reference::Dispatched& event = message.client.events.front();

  const auto object = reference::JsonParser::parse(reference::repaired(reference::without_mark(message.payload)));
  const bool is_refused = message.result.notes.not_json && object && has_huge_number(*object);
  const bool is_object = object && object->kind == Kind::object && !is_refused;
  fuzz::require(message.result.notes.not_json == !is_object, "a JSON object is known as one");
  if (!is_object) {
    fuzz::require(event.data == reference::repaired(reference::with_line_feeds(message.payload)), "what is no object is a text");
  }
  const Json nothing;
  const Json& fields = is_object ? *object : nothing;
  if (is_object) {
    check_data(event.data, fields.member("data"));
  }
  check_type(event.type, fields.member("event"), message.default_name);
  check_id(message, fields.member("id"));
  check_retry(message.client, fields.member("retry"));
  return 0;
}
