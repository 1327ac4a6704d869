#include "stream_topic.hpp"

#include <algorithm>

#include "frame.hpp"

namespace sse {

namespace {

// The replay log holds so many pages for who reads more slowly than the fastest.
constexpr std::size_t kReplayBytes = 4 * StreamPages::kPageBytes;

}  // namespace

StreamTopic::StreamTopic(Hub& hub, StreamHost& host, std::string_view name)
    : Topic(hub, TopicKind::channel, name),
      host_(host),
      reader_(this->name(), *this, host.pace(), host.replication(), host.pages()),
      replay_(this->name(), *this, host.pace(), host.replication(), host.pages()),
      starts_(this->name(), *this, host.pace(), host.pages()) {}

StreamTopic::~StreamTopic() = default;

void StreamTopic::add(Subscription& subscription, std::uint64_t now_ms) {
  Topic::add(subscription);
  DurableReading& reading = *subscription.durable;
  if (!reading.position) {  // what was there when it came is not for it
    reading.question = reader_.next_question();
    reader_.read(now_ms);
  } else if (!is_live_known(now_ms)) {
    reader_.read(now_ms);
  }
  find_start(subscription, now_ms);
}

void StreamTopic::find_start(const Subscription& subscription, std::uint64_t now_ms) {
  const DurableReading& reading = *subscription.durable;
  if (!reading.position && reading.options.start != Start::live) {
    starts_.find(reading.options.start, reading.options.last, now_ms);
  }
}

void StreamTopic::remove(Subscription& subscription) {
  Topic::remove(subscription);
  subscription.log = nullptr;
}

bool StreamTopic::is_ready_for(const Subscription& subscription) const { return reader_.confirmed_ms() && is_start_known(subscription); }

// Still true when the connection breaks after it was: who was let in then opens without a word of it.
bool StreamTopic::is_start_known(const Subscription& subscription) const {
  const DurableReading& reading = *subscription.durable;
  return reader_.is_located() && reader_.answered_question() >= reading.question &&
         (reading.position || reading.options.start == Start::live);
}

void StreamTopic::on_start(Start start, std::size_t count, StreamId position, std::uint64_t now_ms) {
  const auto is_meant = [&](const Subscription& subscription) {
    const DurableReading& reading = *subscription.durable;
    return !reading.position && reading.options.start == start && reading.options.last == count;
  };
  for (const List<Subscription>* all : {&waiting(), &placeless_}) {
    for (Subscription* one = all->front(); one != nullptr; one = all->after(*one)) {
      if (is_meant(*one)) {
        one->durable->stand_at(position);
      }
    }
  }
  if (reader_.confirmed_ms()) {
    on_caught_up(now_ms);
  }
}

StreamTopic::LogPair& StreamTopic::logs_for(const ReadOptions& reading, Framing framing, bool has_own_ids) {
  Encoding encoding = reading.encoding;
  encoding.framing = framing;
  encoding.entry_ids = !has_own_ids;
  for (const auto& pair : logs_) {
    if (pair->live.encoding() == encoding) {
      return *pair;
    }
  }
  logs_.push_back(std::make_unique<LogPair>(name(), encoding, hub_));
  LogPair& added = *logs_.back();
  added.live.begin_epoch(reader_.position());
  added.replay.begin_epoch(replayed_);
  added.replay.set_follower(this);
  return added;
}

StreamTopic::LogPair& StreamTopic::logs_of(const Subscription& subscription) {
  const Subscriber& subscriber = *subscription.subscriber;
  return logs_for(subscriber.reading(), subscriber.framing(), subscriber.has_own_ids());
}

void StreamTopic::attach(Subscription& subscription, const ReadOptions& reading, Framing framing, std::uint64_t now_ms) {
  LogPair& logs = logs_for(reading, framing, subscription.subscriber->has_own_ids());
  logs.live.raise_limits(reading.buffer_bytes, reading.max_message_bytes);
  logs.replay.raise_limits(reading.buffer_bytes == 0 ? kReplayBytes : std::min(reading.buffer_bytes, kReplayBytes),
                           reading.max_message_bytes);
  if (!is_start_known(subscription)) {
    subscription.durable->is_late = true;
    placeless_.push_back(subscription);
    find_start(subscription, now_ms);  // what was asked for may have come while it was opening
    return;
  }
  place(subscription, now_ms);
}

void StreamTopic::place(Subscription& subscription, std::uint64_t now_ms) {
  DurableReading& reading = *subscription.durable;
  const bool is_new = !reading.position;
  if (is_new) {
    reading.stand_at(reader_.position());
  }
  if (reading.is_malformed) {
    ++hub_.counters().resets_malformed;
    tell_reset(subscription, {"malformed", name(), std::nullopt, reader_.position()}, now_ms);
  } else if (reading.is_late && !reading.has_cursor) {
    ++hub_.counters().resets_broker_away;
    tell_reset(subscription, {"broker-away", name(), std::nullopt, reader_.position()}, now_ms);
  }
  if (is_new && can_read(subscription) && go_live(subscription, now_ms)) {
    return;  // all that comes from now on
  }
  reading.phase = DurableReading::Phase::parked;
  parked_.push_back(subscription);
  replay_.take_in(subscription, now_ms);
}

// Nothing when the live log cannot tell what comes after the position.
std::optional<LogPlace> StreamTopic::live_place(const Subscription& subscription, StreamId position) {
  const ChannelLog& log = logs_of(subscription).live;
  if (position > reader_.position() && position <= reader_.end()) {
    return LogPlace{log.head(), log.frame_count()};
  }
  return log.place_after(position);
}

// False when the live log cannot tell what comes after its position.
bool StreamTopic::go_live(Subscription& subscription, std::uint64_t now_ms) {
  DurableReading& reading = *subscription.durable;
  ChannelLog& log = logs_of(subscription).live;
  std::optional<LogPlace> place = live_place(subscription, *reading.position);
  if (!place) {
    return false;
  }
  if (is_too_far(subscription, log.frame_count() - place->frame)) {
    cut_short(subscription, now_ms);
    place = LogPlace{log.head(), log.frame_count()};
  }
  subscription.log = &log;
  log.attach(subscription, *place);
  reading.phase = DurableReading::Phase::live;
  reading.replayed = 0;
  hub_.offer(log);
  return true;
}

bool StreamTopic::is_too_far(const Subscription& subscription, std::uint64_t more) const {
  const DurableReading& reading = *subscription.durable;
  return reading.options.max_replay != 0 && more != 0 && reading.replayed + more > reading.options.max_replay;
}

// It goes on with what comes from now on.
void StreamTopic::cut_short(Subscription& subscription, std::uint64_t now_ms) {
  subscription.durable->stand_at(reader_.position());
  ++hub_.counters().resets_too_far;
  tell_reset(subscription, {"too-far", name(), std::nullopt, reader_.position()}, now_ms);
}

void StreamTopic::park(Subscription& subscription, std::uint64_t now_ms) {
  subscription.durable->phase = DurableReading::Phase::parked;
  parked_.push_back(subscription);
  if (can_read(subscription)) {  // this worker was too slow, not the reader
    replay_.take_in(subscription, now_ms);
  }
}

void StreamTopic::resume(Subscription& subscription, std::uint64_t now_ms) {
  switch (subscription.durable->phase) {
    case DurableReading::Phase::parked:
      replay_.take_in(subscription, now_ms);
      break;
    case DurableReading::Phase::replaying:
      hub_.offer(*subscription.log);
      break;
    default:
      break;
  }
}

}  // namespace sse
