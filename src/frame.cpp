#include "frame.hpp"

#include <array>
#include <cassert>
#include <charconv>

#include "lines.hpp"
#include "rapidjson_adapters.hpp"
#include "utf8.hpp"

namespace sse {

namespace {

void append_decimal(std::string& out, std::uint32_t value) {
  std::array<char, 10> digits;
  const auto result = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  out.append(digits.data(), result.ptr);
}

void append_lines(std::string& out, std::string_view prefix, std::string_view text) {
  LineSplitter lines(text);
  std::string_view line;
  while (lines.next(line)) {
    out.append(prefix);
    append_utf8(out, line);
    out.push_back('\n');
  }
}

void append_retry_field(std::string& out, std::uint32_t ms) {
  out.append("retry: ");
  append_decimal(out, ms);
  out.push_back('\n');
}

}  // namespace

void append_event(std::string& out, const Event& event, std::string_view default_name) {
  if (event.has_id) {
    assert(is_valid_event_id(event.id));
    out.append(kIdField);
    out.append(event.id);
    out.push_back('\n');
  }
  const std::string_view name = event.name.empty() ? default_name : event.name;
  // The default may be the name of a channel that matched a pattern, and Redis permits any bytes in that.
  if (event.has_data && !name.empty() && is_valid_event_name(name)) {
    out.append("event: ");
    append_utf8(out, name);
    out.push_back('\n');
  }
  if (event.retry_ms) {
    append_retry_field(out, *event.retry_ms);
  }
  if (event.has_data) {
    append_lines(out, "data: ", event.data);
  }
  out.push_back('\n');
}

void append_comment(std::string& out, std::string_view text) {
  append_lines(out, ": ", text);
  out.push_back('\n');
}

void append_retry(std::string& out, std::uint32_t ms) {
  append_retry_field(out, ms);
  out.push_back('\n');
}

char* write_chunk_header(char* end, std::size_t size) {
  *--end = '\n';
  *--end = '\r';
  do {
    *--end = "0123456789abcdef"[size % 16];
    size /= 16;
  } while (size != 0);
  return end;
}

void append_chunk(std::string& out, std::string_view bytes) {
  if (bytes.empty()) {
    return;
  }
  std::array<char, kMaxChunkHeader> header;
  char* const end = header.data() + header.size();
  out.append(write_chunk_header(end, bytes.size()), end);
  out.append(bytes);
  out.append(kChunkTrailer);
}

std::string reset_block(std::string_view event_name, std::string_view reason, std::string_view channel) {
  const auto write_string = [](JsonWriter& writer, std::string_view text) {
    std::string valid;
    append_utf8(valid, text);
    writer.String(valid.data(), static_cast<rapidjson::SizeType>(valid.size()));
  };
  StringSink json;
  JsonWriter writer(json);
  writer.StartObject();
  writer.Key("reason");
  write_string(writer, reason);
  writer.Key("channel");
  write_string(writer, channel);
  writer.EndObject();

  Event event;
  event.data = json.text;
  event.has_data = true;
  event.name = event_name;
  std::string block;
  append_event(block, event, {});
  return block;
}

std::string_view block_id(std::string_view block) {
  std::string_view id;
  std::size_t begin = 0;
  for (std::size_t end; (end = block.find('\n', begin)) != std::string_view::npos; begin = end + 1) {
    const std::string_view line = block.substr(begin, end - begin);
    if (line.substr(0, kIdField.size()) == kIdField) {
      id = line.substr(kIdField.size());
    }
  }
  return id;
}

}  // namespace sse
