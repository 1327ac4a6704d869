// The part of a durable channel that puts entries and resets into frames.
#include "frame.hpp"
#include "stream_topic.hpp"

namespace sse {

void StreamTopic::give(ChannelLog& log, const StreamEntry& entry, std::uint64_t hash, std::uint64_t now_ms) {
  const MessageEncoder::Result message = hub_.encoder().encode_entry(log.encoding(), name(), entry, log.max_message_bytes());
  Counters& counters = hub_.counters();
  counters.payloads_not_json += message.notes.not_json ? 1 : 0;
  counters.fields_invalid += message.notes.invalid_field ? 1 : 0;
  if (message.empty) {  // the position moves all the same
    std::string comment;
    append_comment(comment, "no event");
    give_block(log, comment, {entry.id, hash}, now_ms);
  } else if (message.frame.empty()) {
    ++counters.messages_too_large;
    counters.resets_too_large += log.attached();
    host_.on_too_large(*this, entry, now_ms);
    give_reset(log, {"too-large", name(), std::nullopt, entry.id}, {entry.id, hash}, now_ms);
  } else {
    hub_.publish_entry(log, message.frame, {entry.id, hash}, now_ms);
  }
}

void StreamTopic::give_reset(ChannelLog& log, const DurableReset& reset, const EntryMark& mark, std::uint64_t now_ms) {
  hub_.counters().resets += log.attached();
  give_block(log, reset_block(log.encoding().reset_event, reset, log.encoding().entry_ids ? to_string(mark.id) : std::string()), mark,
             now_ms);
}

void StreamTopic::give_block(ChannelLog& log, const std::string& block, const EntryMark& mark, std::uint64_t now_ms) {
  std::string frame;
  append_framed(frame, log.encoding().framing, block);
  hub_.publish_entry(log, frame, mark, now_ms);
}

void StreamTopic::tell_reset(Subscription& subscription, const DurableReset& reset, std::uint64_t now_ms) {
  ++hub_.counters().resets;
  Subscriber& subscriber = *subscription.subscriber;
  std::string cursor;
  subscriber.append_cursor_of_own(cursor);
  hub_.tell(subscriber, reset_block(subscriber.reading().encoding.reset_event, reset, cursor), now_ms);
}

void StreamTopic::count_reset(Continuity reason, std::size_t count) {
  Counters& counters = hub_.counters();
  switch (reason) {
    case Continuity::trimmed:
      counters.resets_trimmed += count;
      break;
    case Continuity::deleted:
      counters.resets_deleted += count;
      break;
    default:
      counters.resets_ahead += count;
      break;
  }
}

}  // namespace sse
