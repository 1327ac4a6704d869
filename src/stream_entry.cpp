#include "stream_entry.hpp"

#include <limits>

#include "decimal.hpp"
#include "scratch.hpp"
#include "utf8.hpp"

namespace sse {

using redis::ReplyView;

namespace {

bool is_invalid_name(std::optional<std::string_view> name) { return name && !is_valid_event_name(*name); }

}  // namespace

std::optional<StreamEntry> parse_stream_entry(ReplyView element) {
  if (element.size() != 2) {
    return std::nullopt;
  }
  auto part = element.begin();
  const std::string_view text = (*part).text();
  const std::optional<StreamId> id = parse_stream_id(text);
  ++part;
  // An id of milliseconds alone is a client's, not Redis's.
  if (!id || text.find('-') == std::string_view::npos || !((*part).is_array() || (*part).is_cut())) {
    return std::nullopt;
  }
  StreamEntry entry{*id, text, *part, (*part).cut_bytes(), (*part).is_cut()};
  for (const ReplyView field : entry.fields) {
    entry.bytes += sizeof(redis::ReplyNode) + (field.is_cut() ? field.cut_bytes() : field.text().size());
    entry.is_cut = entry.is_cut || field.is_cut();
  }
  return entry;
}

EntryDecoder::Result EntryDecoder::decode(ReplyView fields, std::size_t max_bytes, EntryContent& out, DecodeNotes& notes) {
  if (fields.is_cut()) {
    return Result::too_large;
  }
  if (fields.size() % 2 != 0) {
    return Result::malformed;
  }
  std::optional<std::string_view> data;
  std::optional<std::string_view> name;
  std::optional<std::string_view> retry;
  std::size_t bytes = 0;
  bool is_cut = false;
  for (auto field = fields.begin(); field != fields.end(); ++field) {
    const ReplyView key = *field;
    const ReplyView value = *++field;
    for (const ReplyView part : {key, value}) {
      if (!part.is_text() && !part.is_cut()) {
        return Result::malformed;
      }
      is_cut = is_cut || part.is_cut();
      bytes += part.text().size();
    }
    if (key.text() == "data") {
      data = value.text();
    } else if (key.text() == "event") {
      name = value.text();
    } else if (key.text() == "retry") {
      retry = value.text();
    }
  }
  // RapidJSON counts in 32 bits, and what is repaired may be three times as long.
  const bool is_beyond_json = bytes > std::numeric_limits<rapidjson::SizeType>::max() / 3;
  if (is_cut || (max_bytes != 0 && bytes > max_bytes) || (!data && is_beyond_json)) {
    return Result::too_large;
  }

  out = EntryContent();
  if (!data) {
    out.is_object = true;
    out.data = object(fields);
    return Result::content;
  }
  out.data = *data;
  std::uint32_t retry_ms = 0;
  if (retry && parse_decimal(*retry, retry_ms)) {
    out.retry_ms = retry_ms;
  }
  out.name = name && !is_invalid_name(name) ? *name : std::string_view();
  notes.invalid_field = notes.invalid_field || is_invalid_name(name) || (retry && !out.retry_ms);
  return Result::content;
}

std::string_view EntryDecoder::object(ReplyView fields) {
  recycle(json_.text);
  writer_.Reset(json_);
  writer_.StartObject();
  bool is_name = true;
  for (const ReplyView part : fields) {
    const std::string_view text = repaired(part.text());
    const auto size = static_cast<rapidjson::SizeType>(text.size());
    if (is_name) {
      writer_.Key(text.data(), size);
    } else {
      writer_.String(text.data(), size);
    }
    is_name = !is_name;
  }
  writer_.EndObject();
  return json_.text;
}

std::string_view EntryDecoder::repaired(std::string_view text) {
  if (is_valid_utf8(text)) {
    return text;
  }
  recycle(repaired_);
  append_utf8(repaired_, text);
  return repaired_;
}

}  // namespace sse
