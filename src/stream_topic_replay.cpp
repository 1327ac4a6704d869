// The part of a durable channel that gives its past to who comes back.
#include <algorithm>

#include "stream_reset.hpp"
#include "stream_topic.hpp"

namespace sse {

bool StreamTopic::serve_all_from_window(std::uint64_t now_ms) {
  bool has_joined = false;
  List<Subscription> candidates;
  candidates.splice_back(parked_);
  while (Subscription* subscription = candidates.pop_front()) {
    parked_.push_back(*subscription);
    has_joined = serve_from_window(*subscription, now_ms) || has_joined;
  }
  return has_joined;
}

bool StreamTopic::serve_from_window(Subscription& subscription, std::uint64_t now_ms) {
  if (!can_read(subscription) || go_live(subscription, now_ms)) {
    return false;
  }
  ChannelLog& replay = logs_of(subscription).replay;
  const auto place = replay.place_after(*subscription.durable->position);
  if (!place || is_too_far(subscription, replay.frame_count() - place->frame)) {
    return false;
  }
  join(subscription, *place);
  return true;
}

bool StreamTopic::can_read(const Subscription& subscription) const {
  const Subscriber& subscriber = *subscription.subscriber;
  return subscriber.state() == Subscriber::State::open && !subscriber.is_ending() && !subscriber.is_blocked();
}

void StreamTopic::begin_replay(StreamId position) {
  replayed_ = position;
  proven_replayed_ = position;
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

void StreamTopic::replay(const StreamEntry& entry, std::uint64_t now_ms) {
  ++hub_.counters().entries_replayed;
  replayed_ = entry.id;
  const std::uint64_t hash = host_.pages().hash(entry);
  if (is_known_live(entry.id, hash)) {
    proven_replayed_ = entry.id;
  }
  for (const auto& pair : logs_) {
    if (pair->replay.attached() != 0) {
      give(pair->replay, entry, hash, now_ms);
    } else {
      pair->replay.begin_epoch(entry.id);
    }
  }
}

StreamId StreamTopic::position_after_reset(StreamId position, Continuity reason, const StreamFacts& facts) const {
  const bool left_at_fork = fork_ && fork_->has_lost(position);
  return reset_position(reason, facts, left_at_fork ? std::optional(fork_->at) : std::nullopt);
}

void StreamTopic::reset(Subscription& subscription, Continuity reason, const StreamFacts& facts, std::uint64_t now_ms) {
  reset_to(position_after_reset(*subscription.durable->position, reason, facts), subscription, reason, facts, now_ms);
}

void StreamTopic::reset_to(StreamId position, Subscription& subscription, Continuity reason, const StreamFacts& facts,
                           std::uint64_t now_ms) {
  subscription.durable->stand_at(position);
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
  reading.stand_at(position);
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

void StreamTopic::round_ended(ChannelLog&, std::uint64_t now_ms) { replay_.round_ended(now_ms); }

}  // namespace sse
