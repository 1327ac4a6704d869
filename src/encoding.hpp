// How messages of a broker become bytes for subscribers. Subscribers with equal encodings of a channel share one log.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace sse {

// What a broker's payload is: the data itself, a JSON object of event fields, or lines of an event stream.
enum class PayloadForm : std::uint8_t { text, json, event };

// What stands around a frame: nothing, or one HTTP/1.1 chunk.
enum class Framing : std::uint8_t { plain, chunked };

// The name of an event that has none of its own.
struct DefaultEvent {
  enum class Kind : std::uint8_t { none, channel, named };

  Kind kind = Kind::none;
  std::string name;  // for Kind::named only

  bool operator==(const DefaultEvent& other) const { return kind == other.kind && name == other.name; }
  bool operator!=(const DefaultEvent& other) const { return !(*this == other); }
};

struct Encoding {
  PayloadForm payload = PayloadForm::text;
  DefaultEvent default_event;
  std::string reset_event = "reset";
  Framing framing = Framing::plain;
  // Whether entries of a stream carry their ids. Not for who reads several streams: an id of its own tells its place in all of them.
  bool entry_ids = true;

  bool operator==(const Encoding& other) const {
    return payload == other.payload && default_event == other.default_event && reset_event == other.reset_event &&
           framing == other.framing && entry_ids == other.entry_ids;
  }
  bool operator!=(const Encoding& other) const { return !(*this == other); }
};

// What a location wants of the channels that it reads.
struct ReadOptions {
  Encoding encoding;                  // but for its framing, which each subscriber's connection decides
  std::size_t buffer_bytes = 0;       // most encoded bytes that a log may hold for its slowest reader; 0: no limit, here and below
  std::size_t max_message_bytes = 0;  // a larger message is dropped
};

}  // namespace sse
