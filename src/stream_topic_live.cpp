// The part of a durable channel that follows its stream as it grows.
#include <algorithm>

#include "stream_reset.hpp"
#include "stream_topic.hpp"

namespace sse {

namespace {

// What a window says is believed for so long after Redis confirmed its newest entry.
constexpr std::uint64_t kConfirmedForMs = 1000;
// So many times in a second, what a lane tells is read anew, with proof that it continues the last.
constexpr std::uint32_t kReadsPerSecond = 20;

}  // namespace

void StreamTopic::connected(std::uint64_t now_ms) {
  const bool is_waited_for = !waiting().empty() || !placeless_.empty() || !parked_.empty();
  reader_.read(now_ms, is_waited_for ? Urgency::prompt : Urgency::idle);
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
  reader_.read(now_ms, Urgency::idle);
  for (const auto& pair : logs_) {
    pair->replay.shrink_window(0);
  }
}

// What the lane brings proves that nothing was trimmed, but not that the last entry is still the same. So the stream is read, as long as
// it does not rush, and then once a second.
bool StreamTopic::lane_read(StreamId from, redis::ReplyView entries, bool is_whole, std::uint64_t now_ms) {
  host_.on_lane_told(*this, now_ms);
  if (now_ms - reads_since_ms_ >= 1000) {
    reads_since_ms_ = now_ms;
    reads_ = 0;
  }
  if (is_whole && ++reads_ > kReadsPerSecond && reader_.take(from, entries, now_ms)) {
    host_.on_taken(*this, now_ms);
    return true;
  }
  reader_.read(now_ms);
  return false;
}

void StreamTopic::check_anew(Urgency urgency, std::uint64_t now_ms) {
  reader_.doubt();
  reader_.read(now_ms, urgency);
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

void StreamTopic::on_entry(const StreamEntry& entry, std::uint64_t hash, std::uint64_t now_ms) {
  ++hub_.counters().entries_received;
  hub_.count_lag(entry.id.ms, now_ms);
  for (const auto& pair : logs_) {
    give(pair->live, entry, hash, now_ms);
  }
}

void StreamTopic::on_caught_up(std::uint64_t now_ms) {
  static_cast<ListNode<ByProof>&>(*this).unlink();
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
    fork_ = fork ? std::optional(fork_at(*fork)) : std::nullopt;
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
  if (reason != Continuity::trimmed) {
    take_back_replayed(reason, facts, now_ms);
    starts_.begin_anew();
  }
  find_starts_anew(now_ms);
}

// Who has not been told yet where it begins does so in the history that there is now.
void StreamTopic::find_starts_anew(std::uint64_t now_ms) {
  for (Subscription* one = waiting().front(); one != nullptr; one = waiting().after(*one)) {
    if (one->durable->is_ours) {
      one->durable->position.reset();
      one->durable->is_ours = false;
      find_start(*one, now_ms);
    }
  }
}

// What is known of the history that ends now.
Fork StreamTopic::fork_at(StreamId position) const {
  Fork fork{position, {}};
  for (const auto& pair : logs_) {
    pair->live.append_entries_after(position, fork.lost);
  }
  std::sort(fork.lost.begin(), fork.lost.end());
  fork.lost.erase(std::unique(fork.lost.begin(), fork.lost.end()), fork.lost.end());
  return fork;
}

// What was read again may be of the history that has ended, and so may be the positions of those who wait. Not what a client came with: if
// the new history has given that id again, nobody can tell.
void StreamTopic::take_back_replayed(Continuity reason, const StreamFacts& facts, std::uint64_t now_ms) {
  for (const auto& pair : logs_) {
    for (Subscription* one : pair->replay.readers()) {
      hub_.park(*one, now_ms);
    }
  }
  replay_.begin_anew(reader_.position());
  for (Subscription* one = parked_.front(); one != nullptr; one = parked_.after(*one)) {
    if (one->durable->is_ours && *one->durable->position > reader_.position()) {
      reset_to(reader_.position(), *one, reason, facts, now_ms);
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
      reset_to(reader_.position(), *one, reason, facts, now_ms);
    }
  }
}

void StreamTopic::on_refused(std::string_view error, std::uint64_t now_ms) { host_.on_refused(*this, error, now_ms); }

std::optional<std::uint64_t> StreamTopic::given_hash(StreamId id) const {
  for (const auto& pair : logs_) {
    if (const auto hash = pair->live.hash_of(id)) {
      return hash;
    }
  }
  for (const auto& pair : logs_) {
    if (const auto hash = pair->replay.hash_of(id); hash && id <= proven_replayed_) {
      return hash;
    }
  }
  return std::nullopt;
}

// What was read again may be of a new history already, unless it led to an entry that live reading knows.
bool StreamTopic::is_known_live(StreamId id, std::uint64_t hash) const {
  if (hash == 0 || id > reader_.proven_position()) {
    return false;  // it was cut: not known
  }
  if (id == reader_.position()) {
    return hash == reader_.hash();
  }
  return std::any_of(logs_.begin(), logs_.end(), [&](const auto& pair) { return pair->live.hash_of(id) == hash; });
}

StreamId StreamTopic::oldest_given() const {
  StreamId oldest = reader_.position();
  for (const auto& pair : logs_) {
    oldest = std::min(oldest, pair->live.oldest_position());
    if (proven_replayed_ > pair->replay.oldest_position()) {
      oldest = std::min(oldest, pair->replay.oldest_position());
    }
  }
  return oldest;
}

// Nobody else would go on with a replay that waits for the answer.
bool StreamTopic::is_anybody_behind() const {
  return !parked_.empty() || std::any_of(logs_.begin(), logs_.end(), [](const auto& pair) { return pair->replay.attached() != 0; });
}

bool StreamTopic::is_live_known(std::uint64_t now_ms) {
  if (!reader_.is_located()) {
    return false;
  }
  if (!host_.pace().session().is_ready()) {
    return true;  // checked when Redis is back
  }
  // An answer that was long under way counts as well, while it is here: the next would be no younger.
  if (is_caught_up_ || (reader_.confirmed_ms() && now_ms - *reader_.confirmed_ms() <= kConfirmedForMs)) {
    return true;
  }
  if (is_anybody_behind()) {
    reader_.read(now_ms);
  }
  return false;
}

}  // namespace sse
