#include "stream_report.hpp"

#include <array>
#include <cstdio>
#include <ctime>

#include "rapidjson_adapters.hpp"
#include "utf8.hpp"

namespace sse {

namespace {

// RapidJSON's writer escapes, and passes on bytes that are not UTF-8.
void write_text(JsonWriter& writer, std::string_view text) {
  std::string repaired;
  if (!is_valid_utf8(text)) {
    append_utf8(repaired, text);
    text = repaired;
  }
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

void write_field(JsonWriter& writer, const char* name, std::string_view text) {
  writer.Key(name);
  write_text(writer, text);
}

void write_field(JsonWriter& writer, const char* name, std::uint64_t number) {
  writer.Key(name);
  writer.Uint64(number);
}

// ISO 8601 in UTC.
void write_time(JsonWriter& writer, std::int64_t time_ms) {
  std::int64_t ms = time_ms % 1000;
  ms += ms < 0 ? 1000 : 0;
  const auto seconds = static_cast<std::time_t>((time_ms - ms) / 1000);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::array<char, 64> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &utc);
  const int rest = std::snprintf(text.data() + size, text.size() - size, ".%03dZ", static_cast<int>(ms));
  write_field(writer, "time", {text.data(), size + static_cast<std::size_t>(rest)});
}

// Seconds: a number with three places.
void write_duration(JsonWriter& writer, std::uint64_t duration_ms) {
  const std::string fraction = std::to_string(duration_ms % 1000);
  const std::string seconds = std::to_string(duration_ms / 1000) + '.' + std::string(3 - fraction.size(), '0') + fraction;
  writer.Key("duration");
  writer.RawValue(seconds.data(), seconds.size(), rapidjson::kNumberType);
}

}  // namespace

void append_json_line(std::string& out, const StreamReport& report) {
  StringSink sink{std::move(out)};
  JsonWriter writer(sink);
  writer.StartObject();
  write_time(writer, report.time_ms);
  write_field(writer, "client", report.client);
  write_field(writer, "server", report.server);
  write_field(writer, "location", report.location);
  write_field(writer, "connection", report.connection);
  writer.Key("channels");
  writer.StartArray();
  for (const std::string& channel : report.channels) {
    write_text(writer, channel);
  }
  writer.EndArray();
  write_duration(writer, report.duration_ms);
  write_field(writer, "events", report.events);
  write_field(writer, "bytes", report.bytes);
  write_field(writer, "reason", report.reason);
  if (!report.start_id.empty()) {
    write_field(writer, "start_id", report.start_id);
  }
  if (!report.last_id.empty()) {
    write_field(writer, "last_id", report.last_id);
  }
  writer.EndObject();
  out = std::move(sink.text);
  out += '\n';
}

}  // namespace sse
