#include "message_encoder.hpp"

#include "frame.hpp"
#include "scratch.hpp"

namespace sse {

namespace {

std::string_view default_name(const DefaultEvent& default_event, std::string_view channel) {
  switch (default_event.kind) {
    case DefaultEvent::Kind::none:
      break;
    case DefaultEvent::Kind::channel:
      return channel;
    case DefaultEvent::Kind::named:
      return default_event.name;
  }
  return {};
}

}  // namespace

MessageEncoder::Result MessageEncoder::encode(const Encoding& encoding, std::string_view channel, std::string_view payload,
                                              std::size_t max_message_bytes) {
  Result result;
  if (max_message_bytes != 0 && payload.size() > max_message_bytes) {
    result.too_large = true;
    return result;
  }
  const std::vector<Event>& events = decoder_.decode(encoding.payload, payload, result.notes);
  if (events.empty()) {
    result.empty = true;
    return result;
  }

  // A chunk's header tells the size of what follows: it is put before the blocks when they are complete.
  const bool chunked = encoding.framing == Framing::chunked;
  const std::size_t blocks_begin = chunked ? kMaxChunkHeader : 0;
  const std::string_view name = default_name(encoding.default_event, channel);
  std::size_t id_begin = 0;
  std::size_t id_size = 0;
  recycle(frame_);
  frame_.resize(blocks_begin);
  for (const Event& event : events) {
    if (event.has_id) {
      result.has_id = true;
      id_begin = frame_.size() + kIdField.size();
      id_size = event.id.size();
    }
    append_event(frame_, event, name);
    if (max_message_bytes != 0 && frame_.size() - blocks_begin > max_frame_bytes(max_message_bytes)) {
      Result too_large;
      too_large.too_large = true;
      too_large.notes = result.notes;
      return too_large;
    }
  }

  std::size_t frame_begin = 0;
  if (chunked) {
    char* const blocks = frame_.data() + blocks_begin;
    frame_begin = static_cast<std::size_t>(write_chunk_header(blocks, frame_.size() - blocks_begin) - frame_.data());
    frame_.append(kChunkTrailer);
  }
  result.frame = std::string_view(frame_).substr(frame_begin);
  result.id = std::string_view(frame_).substr(id_begin, id_size);
  return result;
}

}  // namespace sse
