#include "stream_facts.hpp"

#include <string_view>

namespace sse {

namespace {

using redis::ReplyType;
using redis::ReplyView;

// Members of the answer that were found; Redis before 7.0 has only some.
enum Found : unsigned {
  kLength = 1U << 0U,
  kLastGenerated = 1U << 1U,
  kMaxDeleted = 1U << 2U,
  kEntriesAdded = 1U << 3U,
  kFirstEntry = 1U << 4U,
  kLastEntry = 1U << 5U,
  kAll = (1U << 6U) - 1,
};

bool read_count(ReplyView value, std::uint64_t& out) {
  if (value.type() != ReplyType::integer || value.integer() < 0) {
    return false;
  }
  out = static_cast<std::uint64_t>(value.integer());
  return true;
}

bool read_id(ReplyView value, StreamId& out) {
  if (!value.is_text()) {
    return false;
  }
  const std::optional<StreamId> id = parse_stream_id(value.text());
  out = id.value_or(StreamId());
  return id.has_value();
}

// Of a whole entry, [id, [field, value, …]]; nil when there is none.
bool read_entry_id(ReplyView value, std::optional<StreamId>& out) {
  out.reset();
  if (value.type() == ReplyType::nil) {
    return true;
  }
  StreamId id;
  if (value.size() == 0 || !read_id(*value.begin(), id)) {
    return false;
  }
  out = id;
  return true;
}

// False when the value is not what belongs to that name. Unknown names are left to newer servers.
bool read_member(std::string_view name, ReplyView value, StreamFacts& facts, unsigned& found) {
  if (name == "length") {
    found |= kLength;
    return read_count(value, facts.length);
  }
  if (name == "last-generated-id") {
    found |= kLastGenerated;
    return read_id(value, facts.last_generated);
  }
  if (name == "max-deleted-entry-id") {
    found |= kMaxDeleted;
    return read_id(value, facts.max_deleted);
  }
  if (name == "entries-added") {
    found |= kEntriesAdded;
    return read_count(value, facts.entries_added);
  }
  if (name == "first-entry") {
    found |= kFirstEntry;
    return read_entry_id(value, facts.first);
  }
  if (name == "last-entry") {
    found |= kLastEntry;
    return read_entry_id(value, facts.last);
  }
  return true;
}

// Redis upholds these whatever is done to a stream: XSETID, too, refuses an id below the last entry.
bool is_consistent(const StreamFacts& facts) {
  const bool has_entries = facts.length != 0;
  if (facts.first.has_value() != has_entries || facts.last.has_value() != has_entries) {
    return false;
  }
  return !has_entries || (*facts.first != kFirstStreamId && *facts.first <= *facts.last && *facts.last <= facts.last_generated);
}

}  // namespace

std::optional<StreamFacts> parse_stream_facts(ReplyView reply) {
  StreamFacts facts;
  if (reply.is_error()) {
    return reply.text() == "ERR no such key" ? std::make_optional(facts) : std::nullopt;
  }
  if (!reply.is_array() || reply.size() % 2 != 0) {
    return std::nullopt;
  }
  facts.exists = true;
  unsigned found = 0;
  for (auto element = reply.begin(); element != reply.end(); ++element) {
    const ReplyView name = *element;
    ++element;  // there is one: their number is even
    if (!name.is_text() || !read_member(name.text(), *element, facts, found)) {
      return std::nullopt;
    }
  }
  return found == kAll && is_consistent(facts) ? std::make_optional(facts) : std::nullopt;
}

}  // namespace sse
