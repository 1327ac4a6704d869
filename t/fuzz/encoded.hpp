// A payload on its way through MessageEncoder, and what holds of the result in every payload form.
#pragma once

#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>

#include "input.hpp"
#include "message_encoder.hpp"
#include "reference_event_stream.hpp"
#include "reference_text.hpp"
#include "require.hpp"

namespace sse::fuzz {

struct Encoded {
  MessageEncoder::Result result;  // its views are not to be used
  std::string frame;              // plain
  std::string default_name;       // of an event without a name
  std::string_view payload;
  reference::Client client;  // that has read the frame
};

inline std::string one_chunk(const std::string& bytes) {
  char size[32];
  std::snprintf(size, sizeof(size), "%zx\r\n", bytes.size());
  return size + bytes + "\r\n";
}

// A frame leaves nothing behind that would change what comes next.
inline reference::Client read_whole(const std::string& frame) {
  require(reference::is_utf8(frame), "a frame is valid UTF-8");
  require(frame.find('\r') == std::string::npos, "lines end with LF");
  require(frame.size() >= 2 && frame.substr(frame.size() - 2) == "\n\n", "a frame ends with a blank line");
  reference::Client client;
  client.read(frame);
  require(client.comments.empty(), "a message makes no comments");
  const std::string last_id = client.last_event_id;
  client.read("data: next\n\n");
  require(client.events.back() == reference::Dispatched{"message", "next", last_id}, "a frame ends at an event's boundary");
  client.events.pop_back();
  return client;
}

// The input: how nameless events are called (none, channel, named; with its name), then a limit, then the payload.
inline Encoded encode(PayloadForm form, Input input) {
  Encoding encoding;
  encoding.payload = form;
  std::string channel = "news";
  Encoded encoded;
  switch (input.below(3)) {
    case 0:
      break;
    case 1:
      encoding.default_event.kind = DefaultEvent::Kind::channel;
      channel = encoded.default_name = input.line();
      break;
    default:
      encoding.default_event.kind = DefaultEvent::Kind::named;
      encoding.default_event.name = encoded.default_name = input.line();
  }
  const std::size_t limit_bytes = input.byte();
  encoded.payload = input.rest();
  if (encoded.default_name.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
    encoded.default_name.clear();  // cannot be sent
  }

  MessageEncoder encoder;
  MessageEncoder::Result& plain = encoded.result;
  plain = encoder.encode(encoding, channel, encoded.payload, 0);
  encoded.frame = plain.frame;
  const std::string id(plain.id);
  require(!plain.too_large, "without a limit nothing is too large");
  require(plain.empty == encoded.frame.empty(), "no event, no frame");
  require(plain.has_id || id.empty(), "no id, no id's text");

  encoding.framing = Framing::chunked;
  const MessageEncoder::Result chunked = encoder.encode(encoding, channel, encoded.payload, 0);
  require(chunked.frame == (plain.empty ? "" : one_chunk(encoded.frame)), "a chunk holds the same frame");
  require(chunked.has_id == plain.has_id && chunked.id == id, "a chunk has the same id");

  encoding.framing = Framing::plain;
  const MessageEncoder::Result limited = encoder.encode(encoding, channel, encoded.payload, limit_bytes);
  const bool is_over = limit_bytes != 0 && (encoded.payload.size() > limit_bytes || encoded.frame.size() > 4 * limit_bytes + 1024);
  require(limited.too_large == is_over, "the limit is kept, and takes nothing else");
  require(limited.frame == (is_over ? "" : encoded.frame), "a limit does not change a frame");

  if (!plain.empty) {
    encoded.client = read_whole(encoded.frame);
  }
  require(encoded.client.last_event_id == id, "the id is the last one in the frame");
  return encoded;
}

}  // namespace sse::fuzz
