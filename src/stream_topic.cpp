#include "stream_topic.hpp"

#include <algorithm>

#include "frame.hpp"

namespace sse {

namespace {

// What a window says is believed for so long after Redis confirmed its newest entry.
constexpr std::uint64_t kConfirmedForMs = 1000;
// So many times in a second, what a lane tells is read anew, with proof that it continues the last.
constexpr std::uint32_t kReadsPerSecond = 20;
// The replay log holds so many pages for who reads more slowly than the fastest.
constexpr std::size_t kReplayBytes = 4 * StreamPages::kPageBytes;

std::string_view reason_text(Continuity reason) {
  switch (reason) {
    case Continuity::deleted:
      return "deleted";
    case Continuity::trimmed:
      return "trimmed";
    default:
      return "ahead";
  }
}

DurableReset reset_of(Continuity reason, std::string_view channel, const StreamFacts& facts) {
  return {reason_text(reason), channel, facts.first, facts.exists ? facts.last_generated : kFirstStreamId};
}

}  // namespace

StreamTopic::StreamTopic(Hub& hub, StreamHost& host, std::string_view name)
    : Topic(hub, TopicKind::channel, name),
      host_(host),
      reader_(this->name(), *this, host.commands(), host.pages()),
      replay_(this->name(), *this, host.commands(), host.pages()),
      starts_(this->name(), *this, host.commands()) {}

StreamTopic::~StreamTopic() = default;

// Before it opens

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

bool StreamTopic::is_ready_for(const Subscription& subscription) const {
  const DurableReading& reading = *subscription.durable;
  return reader_.confirmed_ms() && reader_.answered_question() >= reading.question &&
         (reading.position || reading.options.start == Start::live);
}

void StreamTopic::on_start(Start start, std::size_t count, StreamId position, std::uint64_t now_ms) {
  const auto is_meant = [&](const Subscription& subscription) {
    const DurableReading& reading = *subscription.durable;
    return !reading.position && reading.options.start == start && reading.options.last == count;
  };
  for (Subscription* waiting = this->waiting().front(); waiting != nullptr; waiting = this->waiting().after(*waiting)) {
    if (is_meant(*waiting)) {
      waiting->durable->position = position;
    }
  }
  for (Subscription* open = placeless_.front(); open != nullptr; open = placeless_.after(*open)) {
    if (is_meant(*open)) {
      open->durable->position = position;
    }
  }
  if (reader_.confirmed_ms()) {
    on_caught_up(now_ms);
  }
}

// Places

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
  if (!reader_.is_located() || !is_ready_for(subscription)) {
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
    reading.position = reader_.position();
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
  replay_.go_on(now_ms);
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
  subscription.durable->position = reader_.position();
  ++hub_.counters().resets_too_far;
  tell_reset(subscription, {"too-far", name(), std::nullopt, reader_.position()}, now_ms);
}

void StreamTopic::park(Subscription& subscription, std::uint64_t now_ms) {
  subscription.durable->phase = DurableReading::Phase::parked;
  parked_.push_back(subscription);
  if (can_read(subscription)) {  // this worker was too slow, not the reader
    replay_.go_on(now_ms);
  }
}

void StreamTopic::resume(Subscription& subscription, std::uint64_t now_ms) {
  switch (subscription.durable->phase) {
    case DurableReading::Phase::parked:
      replay_.go_on(now_ms);
      break;
    case DurableReading::Phase::replaying:
      hub_.offer(*subscription.log);
      break;
    default:
      break;
  }
}

// Live reading

void StreamTopic::connected(std::uint64_t now_ms) {
  reader_.read(now_ms);
  for (const List<Subscription>* all : {&waiting(), &placeless_}) {
    for (const Subscription* one = all->front(); one != nullptr; one = all->after(*one)) {
      find_start(*one, now_ms);
    }
  }
}

void StreamTopic::connection_lost() {
  reader_.connection_lost();
  replay_.connection_lost();
  starts_.connection_lost();
}

void StreamTopic::check(std::uint64_t now_ms) {
  reader_.read(now_ms);
  for (const auto& pair : logs_) {
    pair->replay.shrink_window(0);
  }
}

// What the lane brings proves that nothing was trimmed, but not that the last entry is still the same. So the stream is read, as long as
// it does not rush.
bool StreamTopic::lane_read(StreamId from, redis::ReplyView entries, bool is_whole, std::uint64_t now_ms) {
  host_.on_lane_told(*this, now_ms);
  if (now_ms - reads_since_ms_ >= 1000) {
    reads_since_ms_ = now_ms;
    reads_ = 0;
  }
  if (is_whole && ++reads_ > kReadsPerSecond && reader_.take(from, entries, now_ms)) {
    return true;
  }
  reader_.read(now_ms);
  return false;
}

// Its connection was lost, and so may be what was read.
void StreamTopic::lane_rang(std::uint64_t now_ms) {
  reader_.doubt();
  reader_.read(now_ms);
}

void StreamTopic::doubt_live(std::uint64_t now_ms) {
  reader_.doubt();
  reader_.read_to_end(now_ms);
}

void StreamTopic::on_located(std::uint64_t) {
  for (const auto& pair : logs_) {
    pair->live.begin_epoch(reader_.position());
  }
}

void StreamTopic::on_entry(const StreamEntryView& entry, std::uint64_t hash, std::uint64_t now_ms) {
  ++hub_.counters().entries_received;
  hub_.count_lag(entry.id.ms, now_ms);
  for (const auto& pair : logs_) {
    give(pair->live, entry, hash, now_ms);
  }
}

void StreamTopic::on_caught_up(std::uint64_t now_ms) {
  host_.listen(*this, now_ms);
  admit_waiting();
  List<Subscription> open;
  open.splice_back(placeless_);
  while (Subscription* subscription = open.pop_front()) {
    if (subscription->subscriber->is_ending()) {
      continue;  // nothing comes after its farewell
    }
    if (is_ready_for(*subscription)) {
      place(*subscription, now_ms);
    } else {
      placeless_.push_back(*subscription);
    }
  }
  is_caught_up_ = true;
  replay_.live_caught_up(now_ms);
  is_caught_up_ = false;
}

void StreamTopic::on_broken(Continuity reason, const StreamFacts& facts, std::optional<StreamId> fork, std::uint64_t now_ms) {
  if (reason != Continuity::trimmed) {
    ++hub_.counters().forks;
    fork_ = fork;
  }
  const DurableReset reset = reset_of(reason, name(), facts);
  for (const auto& pair : logs_) {
    if (reason != Continuity::trimmed) {
      take_back(pair->live, reason, facts, now_ms);
    }
    pair->live.begin_epoch(reader_.position());
    if (pair->live.attached() != 0) {
      count_reset(reason, pair->live.attached());
      give_reset(pair->live, reset, {reader_.position(), 0}, now_ms);
    }
  }
}

// Nobody gets any more of a history that has ended. Who has got nothing of what it does not share with the new one is not told.
void StreamTopic::take_back(ChannelLog& log, Continuity reason, const StreamFacts& facts, std::uint64_t now_ms) {
  for (Subscription* one : log.readers()) {
    if (one->offset == log.head()) {
      continue;
    }
    hub_.park(*one, now_ms);
    if (*one->durable->position > reader_.position()) {
      reset(*one, reason, facts, now_ms);
    }
  }
}

void StreamTopic::on_refused(std::string_view error, std::uint64_t now_ms) { host_.on_refused(*this, error, now_ms); }

std::optional<std::uint64_t> StreamTopic::given_hash(StreamId id) const {
  for (const auto& pair : logs_) {
    for (const ChannelLog* log : {&pair->live, &pair->replay}) {
      if (const auto hash = log->hash_of(id)) {
        return hash;
      }
    }
  }
  return std::nullopt;
}

StreamId StreamTopic::oldest_given() const {
  StreamId oldest = reader_.position();
  for (const auto& pair : logs_) {
    oldest = std::min({oldest, pair->live.oldest_position(), pair->replay.oldest_position()});
  }
  return oldest;
}

// Replay

bool StreamTopic::is_live_known(std::uint64_t now_ms) {
  if (!reader_.is_located()) {
    return false;
  }
  if (!host_.commands().is_ready()) {
    return true;  // checked when Redis is back
  }
  // An answer that was long under way counts as well, while it is here: the next would be no younger.
  if (is_caught_up_ || (reader_.confirmed_ms() && now_ms - *reader_.confirmed_ms() <= kConfirmedForMs)) {
    return true;
  }
  if (!parked_.empty()) {
    reader_.read(now_ms);
  }
  return false;
}

bool StreamTopic::serve_from_window(std::uint64_t now_ms) {
  bool has_joined = false;
  List<Subscription> candidates;
  candidates.splice_back(parked_);
  while (Subscription* subscription = candidates.pop_front()) {
    parked_.push_back(*subscription);
    if (!can_read(*subscription) || go_live(*subscription, now_ms)) {
      continue;
    }
    ChannelLog& replay = logs_of(*subscription).replay;
    const auto place = replay.place_after(*subscription->durable->position);
    if (place && !is_too_far(*subscription, replay.frame_count() - place->frame)) {
      join(*subscription, *place);
      has_joined = true;
    }
  }
  return has_joined;
}

bool StreamTopic::can_read(const Subscription& subscription) const {
  const Subscriber& subscriber = *subscription.subscriber;
  return subscriber.state() == Subscriber::State::open && !subscriber.is_ending() && !subscriber.is_blocked();
}

void StreamTopic::begin_replay(StreamId position) {
  replayed_ = position;
  for (const auto& pair : logs_) {
    pair->replay.begin_epoch(position);
  }
}

void StreamTopic::join(Subscription& subscription) {
  const ChannelLog& log = logs_of(subscription).replay;
  join(subscription, {log.head(), log.frame_count()});
}

void StreamTopic::join(Subscription& subscription, const LogPlace& place) {
  ChannelLog& log = logs_of(subscription).replay;
  subscription.log = &log;
  log.attach(subscription, place);
  subscription.durable->phase = DurableReading::Phase::replaying;
  hub_.offer(log);
}

std::size_t StreamTopic::most_to_replay() const {
  std::size_t most = SIZE_MAX - 1;
  const auto consider = [&most](const Subscription& subscription, std::uint64_t given) {
    const DurableReading& reading = *subscription.durable;
    const std::size_t allowed = reading.options.max_replay;
    const std::size_t replayed = reading.replayed + static_cast<std::size_t>(given);
    if (allowed != 0) {
      most = std::min(most, replayed < allowed ? allowed - replayed : 1);
    }
  };
  for (const Subscription* one = parked_.front(); one != nullptr; one = parked_.after(*one)) {
    if (can_read(*one)) {  // who cannot would hold up all others
      consider(*one, 0);
    }
  }
  for (const auto& pair : logs_) {
    const List<Subscription>& joined = pair->replay.settled();
    for (const Subscription* one = joined.front(); one != nullptr; one = joined.after(*one)) {
      consider(*one, one->frame - one->joined);
    }
  }
  return most;
}

void StreamTopic::replay(const StreamEntryView& entry, std::uint64_t now_ms) {
  ++hub_.counters().entries_replayed;
  replayed_ = entry.id;
  for (const auto& pair : logs_) {
    if (pair->replay.attached() != 0) {
      give(pair->replay, entry, host_.pages().hash(entry), now_ms);
    } else {
      pair->replay.begin_epoch(entry.id);
    }
  }
}

void StreamTopic::reset(Subscription& subscription, Continuity reason, const StreamFacts& facts, std::uint64_t now_ms) {
  DurableReading& reading = *subscription.durable;
  const bool left_at_fork = fork_ && *reading.position > *fork_;
  reading.position = reset_position(reason, facts, left_at_fork ? fork_ : std::nullopt);
  count_reset(reason, 1);
  tell_reset(subscription, reset_of(reason, name(), facts), now_ms);
}

void StreamTopic::reset_joined(Continuity reason, const StreamFacts& facts, StreamId position, std::uint64_t now_ms) {
  begin_replay(position);
  for (const auto& pair : logs_) {
    if (pair->replay.attached() != 0) {
      count_reset(reason, pair->replay.attached());
      give_reset(pair->replay, reset_of(reason, name(), facts), {position, 0}, now_ms);
    }
  }
}

StreamTopic::Joined StreamTopic::settle(StreamId position, std::uint64_t now_ms) {
  bool is_reading = false;
  bool is_waiting = false;
  bool is_blocked = false;
  for (const auto& pair : logs_) {
    ChannelLog& log = pair->replay;
    std::vector<Subscription*> given_all;
    std::size_t can_write = 0;
    for (Subscription* one = log.settled().front(); one != nullptr; one = log.settled().after(*one)) {
      ++can_write;
      if (one->offset == log.head()) {
        given_all.push_back(one);
      }
    }
    is_reading = is_reading || log.in_round() || can_write != given_all.size();
    is_blocked = is_blocked || can_write != log.attached();
    for (Subscription* one : given_all) {
      is_waiting = !leave_replay(*one, position, now_ms) || is_waiting;
    }
  }
  return is_reading ? Joined::reading : is_waiting ? Joined::waiting : is_blocked ? Joined::blocked : Joined::none;
}

// It has been given all that was read, up to `position`. False when it has to wait for the next page.
bool StreamTopic::leave_replay(Subscription& subscription, StreamId position, std::uint64_t now_ms) {
  DurableReading& reading = *subscription.durable;
  const std::size_t replayed = reading.replayed + static_cast<std::size_t>(subscription.frame - subscription.joined);
  const bool has_place = live_place(subscription, position).has_value();
  const bool is_full = reading.options.max_replay != 0 && replayed >= reading.options.max_replay;
  if (!has_place && !is_full) {
    return false;
  }
  subscription.log->detach(subscription);
  reading.position = position;
  reading.replayed = replayed;
  if (!has_place) {
    cut_short(subscription, now_ms);
  }
  go_live(subscription, now_ms);
  return true;
}

void StreamTopic::park_joined(std::uint64_t now_ms) {
  for (const auto& pair : logs_) {
    while (Subscription* lagging = pair->replay.first_lagging()) {
      hub_.park(*lagging, now_ms);
    }
  }
}

void StreamTopic::round_ended(ChannelLog&, std::uint64_t now_ms) { replay_.go_on(now_ms); }

// What is given

void StreamTopic::give(ChannelLog& log, const StreamEntryView& entry, std::uint64_t hash, std::uint64_t now_ms) {
  const MessageEncoder::Result message =
      hub_.encoder().encode_entry(log.encoding(), name(), {entry.text, entry.fields}, log.max_message_bytes());
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
  std::string chunk;
  if (log.encoding().framing == Framing::chunked) {
    append_chunk(chunk, block);
  }
  hub_.publish_entry(log, chunk.empty() ? block : chunk, mark, now_ms);
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
