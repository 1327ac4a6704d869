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

// The JSON object of a reset.
class ResetData {
 public:
  ResetData(std::string_view reason, std::string_view channel) {
    writer_.StartObject();
    add("reason", reason);
    add("channel", channel);
  }

  void add(const char* key, std::string_view text) {
    std::string valid;
    append_utf8(valid, text);
    writer_.Key(key);
    writer_.String(valid.data(), static_cast<rapidjson::SizeType>(valid.size()));
  }

  void add_null(const char* key) {
    writer_.Key(key);
    writer_.Null();
  }

  const std::string& finish() {
    writer_.EndObject();
    return json_.text;
  }

 private:
  StringSink json_;
  JsonWriter writer_{json_};
};

std::string reset_event(std::string_view name, std::string_view data, std::string_view id) {
  Event event;
  event.data = data;
  event.has_data = true;
  event.name = name;
  event.id = id;
  event.has_id = !id.empty();
  std::string block;
  append_event(block, event, {});
  return block;
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

void append_framed(std::string& out, Framing framing, std::string_view blocks) {
  if (framing == Framing::chunked) {
    append_chunk(out, blocks);
  } else {
    out.append(blocks);
  }
}

std::string position_block(std::string_view id) {
  std::string block(kIdField);
  block += id;
  block += "\n\n";
  return block;
}

std::string reset_block(std::string_view event_name, std::string_view reason, std::string_view channel) {
  ResetData data(reason, channel);
  return reset_event(event_name, data.finish(), {});
}

std::string reset_block(std::string_view event_name, const DurableReset& reset, std::string_view id) {
  ResetData data(reset.reason, reset.channel);
  reset.oldest ? data.add("oldest", to_string(*reset.oldest)) : data.add_null("oldest");
  data.add("newest", to_string(reset.newest));
  return reset_event(event_name, data.finish(), id);
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
