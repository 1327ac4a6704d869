// An entry of a Redis stream, as XRANGE and XREAD give it: [id, [field, value, field, value …]].
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "event.hpp"
#include "rapidjson_adapters.hpp"
#include "redis_reply.hpp"
#include "stream_id.hpp"

namespace sse {

// Valid as long as the reply that it is from.
struct StreamEntry {
  StreamId id;
  std::string_view text;    // the id as Redis wrote it, `ms-seq`
  redis::ReplyView fields;  // names and values in turn
  std::size_t bytes = 0;    // that a reader takes for all of them, with what was cut
  bool is_cut = false;      // the reply's limits did not leave all of them
};

// Takes one element of a reply to XRANGE, or of a stream's entries in one to XREAD. Gives nothing for what is no such element.
std::optional<StreamEntry> parse_stream_entry(redis::ReplyView element);

// What the fields of an entry say. Views into the reply, or into the memory of who decoded them.
struct EntryContent {
  std::string_view data;
  bool is_object = false;  // no field is called `data`, and `data` is all of them as one JSON object
  std::string_view name;   // for events that have none of their own; may be empty
  std::optional<std::uint32_t> retry_ms;
};

// Fields `data`, `event` and `retry` make an event; others are ignored beside `data`. Without `data`, all fields are, in their order, the
// members of an object of strings: then `event` and `retry` are members like all others. Of a repeated field the last counts, as in a
// JSON object that a browser reads. Keeps its memory from entry to entry. Throws std::bad_alloc only.
class EntryDecoder {
 public:
  enum class Result : std::uint8_t { content, too_large, malformed };

  // `out` is set on `content` only, and valid until the next call. Too large is what the reply's reader has cut, or has more than
  // `max_bytes` in names and values; 0: no limit. An `event` or `retry` that must not go to a client is left out, and noted.
  Result decode(redis::ReplyView fields, std::size_t max_bytes, EntryContent& out, DecodeNotes& notes);

 private:
  std::string_view object(redis::ReplyView fields);
  std::string_view repaired(std::string_view text);

  StringSink json_;
  JsonWriter writer_{json_};
  std::string repaired_;
};

}  // namespace sse
