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
  frame_events(encoding, channel, decoder_.decode(encoding.payload, payload, result.notes), max_message_bytes, result);
  return result;
}

MessageEncoder::Result MessageEncoder::encode_entry(const Encoding& encoding, std::string_view channel, const StreamEntry& entry,
                                                    std::size_t max_message_bytes) {
  Result result;
  EntryContent content;
  switch (entry_decoder_.decode(entry.fields, max_message_bytes, content, result.notes)) {
    case EntryDecoder::Result::too_large:
      result.too_large = true;
      return result;
    case EntryDecoder::Result::malformed:
      result.malformed = true;
      return result;
    case EntryDecoder::Result::content:
      break;
  }
  const std::string_view id = encoding.entry_ids ? entry.text : std::string_view();
  frame_events(encoding, channel, decoder_.decode_entry(encoding.payload, content, id, result.notes), max_message_bytes, result);
  return result;
}

void MessageEncoder::frame_events(const Encoding& encoding, std::string_view channel, const std::vector<Event>& events,
                                  std::size_t max_message_bytes, Result& result) {
  if (events.empty()) {
    result.empty = true;
    return;
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
      result.too_large = true;
      result.has_id = false;
      return;
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
}

}  // namespace sse
