// From a broker's message to the frame that its subscribers get.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "encoding.hpp"
#include "payload_decoder.hpp"
#include "stream_entry.hpp"

namespace sse {

// Keeps its memory from message to message. Throws std::bad_alloc only.
class MessageEncoder {
 public:
  struct Result {
    std::string_view frame;  // valid until the next call; empty when too_large, empty or malformed
    bool too_large = false;  // the payload is over the limit, or the frame over max_frame_bytes
    bool empty = false;      // form `event` without an event in it: nothing to send
    bool malformed = false;  // an entry whose fields are not pairs of strings
    DecodeNotes notes;
    bool has_id = false;
    std::string_view id;  // the last id in the frame, a view into it; may be empty, which clears the client's
  };

  // `max_message_bytes` bounds the payload, and with it the frame; 0: no limit.
  Result encode(const Encoding& encoding, std::string_view channel, std::string_view payload, std::size_t max_message_bytes);

  // The same for an entry of a stream, which is bounded in the sum of its fields' names and values.
  Result encode_entry(const Encoding& encoding, std::string_view channel, const StreamEntry& entry, std::size_t max_message_bytes);

  // The largest frame (without what the framing adds) that a message within the limit may become. A frame is longer than its payload:
  // field names, and one more for each line of data. Usual messages stay far below; a payload of line ends alone grows sevenfold.
  static constexpr std::size_t max_frame_bytes(std::size_t max_message_bytes) {
    return max_message_bytes > (SIZE_MAX - 1024) / 4 ? SIZE_MAX : 4 * max_message_bytes + 1024;
  }

 private:
  void frame_events(const Encoding& encoding, std::string_view channel, const std::vector<Event>& events, std::size_t max_message_bytes,
                    Result& result);

  EntryDecoder entry_decoder_;
  PayloadDecoder decoder_;
  std::string frame_;
};

}  // namespace sse
