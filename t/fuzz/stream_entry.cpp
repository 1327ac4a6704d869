// Entries of streams: whatever the fields hold, a browser gets whole events whose id is the entry's; without `data`, an object of all
// fields as another parser reads it.
#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "encoded.hpp"
#include "redis_reply.hpp"
#include "reference_json.hpp"
#include "reply_reader.hpp"
#include "stream_entry.hpp"

using namespace sse;

namespace {

using Fields = std::vector<std::string>;  // names and values in turn

std::string entry_bytes(const Fields& fields) {
  std::string bytes = "*2\r\n$3\r\n8-9\r\n*" + std::to_string(fields.size()) + "\r\n";
  for (const std::string& text : fields) {
    bytes += "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
  }
  return bytes;
}

// The last value of a field; null when there is none.
const std::string* last(const Fields& fields, std::string_view name) {
  const std::string* value = nullptr;
  for (std::size_t i = 0; i + 1 < fields.size(); i += 2) {
    value = fields[i] == name ? &fields[i + 1] : value;
  }
  return value;
}

std::string name_of(const std::string* name) {
  return name == nullptr || name->find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos ? "" : reference::repaired(*name);
}

void check_object(const std::string& data, const Fields& fields) {
  const auto object = reference::JsonParser::parse(data, reference::JsonParser::Space::forbidden);
  fuzz::require(object && object->kind == reference::Json::Kind::object, "data is a JSON object");
  fuzz::require(2 * object->names.size() == fields.size(), "the object has all fields");
  for (std::size_t i = 0; i < object->names.size(); ++i) {
    fuzz::require(object->names[i] == reference::repaired(fields[2 * i]), "a member's name is the field's");
    const reference::Json& value = object->elements[i];
    fuzz::require(value.kind == reference::Json::Kind::string && value.text == reference::repaired(fields[2 * i + 1]),
                  "a member's value is the field's");
  }
}

void check_retry(const reference::Client& client, const std::string* retry) {
  std::string digits = retry == nullptr ? "" : *retry;
  const bool is_number = !digits.empty() && digits.find_first_not_of("0123456789") == std::string::npos;
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size()));
  const bool fits = is_number && digits.size() <= 10 && (digits.empty() || std::stoull(digits) <= UINT32_MAX);
  fuzz::require(client.retry_ms.has_value() == fits, "a retry is a number of milliseconds");
  fuzz::require(!fits || *client.retry_ms == std::stoull("0" + digits), "the retry is the entry's");
}

// What a payload of this form is by itself, without the ids in it.
std::vector<reference::Dispatched> events_of(PayloadForm form, std::string_view payload) {
  Encoding encoding;
  encoding.payload = form;
  MessageEncoder encoder;
  reference::Client client;
  client.read(encoder.encode(encoding, "news", payload, 0).frame);
  return client.events;
}

void check_events(PayloadForm form, const reference::Client& client, const Fields& fields) {
  const std::string* const data = last(fields, "data");
  if (data == nullptr) {
    fuzz::require(client.events.size() == 1 && client.events[0].type == "message" && !client.retry_ms, "all fields are one event's data");
    check_object(client.events[0].data, fields);
    return;
  }
  const std::string name = name_of(last(fields, "event"));
  std::vector<reference::Dispatched> expected = events_of(form, *data);
  fuzz::require(client.events.size() == expected.size(), "an entry has its payload's events");
  for (std::size_t i = 0; i < expected.size(); ++i) {
    fuzz::require(client.events[i].data == expected[i].data, "data is the payload's");
    const bool is_own = expected[i].type != "message";  // or called so by itself
    fuzz::require(client.events[i].type == expected[i].type || (!is_own && client.events[i].type == (name.empty() ? "message" : name)),
                  "a name is the payload's or the entry's");
  }
  if (form == PayloadForm::text) {
    fuzz::require(client.events.size() == 1 && client.events[0].data == reference::repaired(reference::with_line_feeds(*data)),
                  "a text is the data");
    check_retry(client, last(fields, "retry"));
  }
}

// No cut of the frame moves the cursor before all of the entry's events came.
void check_cuts(const std::string& frame, std::size_t events) {
  reference::Client client;
  for (const char c : frame) {
    client.read(std::string_view(&c, 1));
    fuzz::require(client.last_event_id.empty() || (client.last_event_id == "8-9" && client.events.size() == events),
                  "the id comes with the last event");
  }
  fuzz::require(client.last_event_id == "8-9", "the id is the entry's");
}

}  // namespace

// The input: a form, a limit for the message and one for the reader, then names and values, each with its size before it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  Encoding encoding;
  encoding.payload = static_cast<PayloadForm>(input.below(3));
  const std::size_t limit_bytes = input.byte();
  const std::size_t value_limit = input.byte();
  constexpr std::array<std::string_view, 3> kNames = {"data", "event", "retry"};
  Fields fields;
  std::size_t bytes = 0;
  bool is_cut = false;
  while (!input.empty()) {
    const std::size_t known = input.below(8);
    fields.emplace_back(known < kNames.size() ? kNames[known] : input.text());
    fields.emplace_back(input.text());
    for (std::size_t i = fields.size() - 2; i < fields.size(); ++i) {
      bytes += fields[i].size();
      is_cut = is_cut || (value_limit != 0 && fields[i].size() > std::max(value_limit, redis::kShortValueBytes));
    }
  }

  redis::ReplyReader reader({value_limit, 0});
  redis::ReplyView reply;
  fuzz::require(reader.feed(entry_bytes(fields)) && reader.next(reply) == redis::ReplyReader::Result::reply, "an entry is a reply");
  const auto entry = parse_stream_entry(reply);
  fuzz::require(entry && entry->text == "8-9", "an entry is known as one");

  MessageEncoder encoder;
  const MessageEncoder::Result limited = encoder.encode_entry(encoding, "news", *entry, limit_bytes);
  fuzz::require(limited.too_large || limit_bytes == 0 || bytes <= limit_bytes, "the limit is kept");
  const bool was_limited = limited.too_large;
  const MessageEncoder::Result result = encoder.encode_entry(encoding, "news", *entry, 0);
  fuzz::require(!result.malformed && result.too_large == is_cut && (was_limited || !is_cut),
                "what was cut is too large, and all else is not");
  if (is_cut) {
    return 0;
  }
  const std::string frame(result.frame);
  fuzz::require(was_limited == (limit_bytes != 0 && (bytes > limit_bytes || frame.size() > 4 * limit_bytes + 1024)),
                "a limit takes nothing else");
  const reference::Client client = fuzz::read_whole(frame);
  fuzz::require(client.last_event_id == "8-9" && result.has_id && result.id == "8-9", "the id is the entry's");
  check_events(encoding.payload, client, fields);
  check_cuts(frame, client.events.size());

  encoding.entry_ids = false;
  const MessageEncoder::Result bare = encoder.encode_entry(encoding, "news", *entry, 0);
  reference::Client bare_client;
  bare_client.read(bare.frame);
  fuzz::require(!bare.has_id && bare_client.last_event_id.empty() && bare_client.events.size() == client.events.size(),
                "ids can be left out");
  return 0;
}
