// The bytes of an event stream. Every function here appends whole blocks: LF line ends, the blank line included.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "encoding.hpp"
#include "event.hpp"
#include "stream_id.hpp"

namespace sse {

inline constexpr std::string_view kIdField = "id: ";  // an event with an id begins with this

// Field order: id, event, retry, data. Data is split at CRLF, CR and LF, and UTF-8 is repaired. An event without a name gets
// `default_name`; a name that is not valid is left out, and so is the name of an event without data, which nobody is told of.
// Requires a valid id. Appends at most 7 bytes for each byte of data.
void append_event(std::string& out, const Event& event, std::string_view default_name);

// A comment, which clients ignore; each line of `text` is one of its lines.
void append_comment(std::string& out, std::string_view text);

// How long a client waits before it reconnects.
void append_retry(std::string& out, std::uint32_t ms);

// One HTTP/1.1 chunk. Nothing for no bytes, as an empty chunk would end the body.
void append_chunk(std::string& out, std::string_view bytes);

// Whole blocks, with what this framing has around them.
void append_framed(std::string& out, Framing framing, std::string_view blocks);

inline constexpr std::size_t kMaxChunkHeader = 18;  // bytes: 16 hexadecimal digits, CRLF
inline constexpr std::string_view kChunkTrailer = "\r\n";

// Writes the line before a chunk of `size` bytes so that it ends at `end`; returns where it begins. Requires kMaxChunkHeader writable
// bytes before `end`.
char* write_chunk_header(char* end, std::size_t size);

// The event that tells a client that messages may be missing: data is {"reason":…,"channel":…}.
std::string reset_block(std::string_view event_name, std::string_view reason, std::string_view channel);

// What a reset says of a durable channel.
struct DurableReset {
  std::string_view reason;
  std::string_view channel;
  std::optional<StreamId> oldest;  // entry that is retained; none: there is none, or it is not known
  StreamId newest;
};

// The same for a durable channel: `id` is the cursor that the client goes on from; empty: without one.
std::string reset_block(std::string_view event_name, const DurableReset& reset, std::string_view id);

// An event without data: moves the client's cursor, and is not dispatched.
std::string position_block(std::string_view id);

// The last event id in a frame, a view into it; empty when there is none.
std::string_view block_id(std::string_view block);

}  // namespace sse
