#include "stream_replay.hpp"

#include <algorithm>

namespace sse {

using redis::ReplyView;

namespace {

StreamId position_of(const Subscription& subscription) { return *subscription.durable->position; }

}  // namespace

void StreamReplay::go_on(std::uint64_t now_ms) {
  if (!owner_.is_live_known(now_ms)) {
    return;
  }
  are_all_due_ = false;
  is_walking_ = owner_.serve_all_from_window(now_ms) || is_walking_;
  advance(now_ms);
}

void StreamReplay::take_in(Subscription& parked, std::uint64_t now_ms) {
  if (are_all_due_) {
    go_on(now_ms);
  } else if (owner_.is_live_known(now_ms)) {
    is_walking_ = owner_.serve_from_window(parked, now_ms) || is_walking_;
    advance(now_ms);
  }
}

void StreamReplay::round_ended(std::uint64_t now_ms) {
  if (are_all_due_) {
    go_on(now_ms);
  } else if (owner_.is_live_known(now_ms)) {
    advance(now_ms);
  }
}

void StreamReplay::advance(std::uint64_t now_ms) {
  if (is_asking_ || is_doubting_ || !query_.can_ask()) {
    return;
  }
  if (is_walking_) {
    switch (owner_.settle(at_, now_ms)) {
      case StreamReplayOwner::Joined::waiting:
        ask_page(now_ms);
        return;
      case StreamReplayOwner::Joined::reading:
        return;
      case StreamReplayOwner::Joined::blocked:
        if (oldest_parked() == nullptr) {
          return;  // until one of them can read again
        }
        owner_.park_joined(now_ms);  // others can go on, and they come back
        break;
      case StreamReplayOwner::Joined::none:
        break;
    }
    is_walking_ = false;
  }
  if (const Subscription* oldest = oldest_parked()) {
    at_ = position_of(*oldest);
    owner_.begin_replay(at_);
    needs_facts_ = at_ > owner_.live_position();
    is_walking_ = true;
    ask_page(now_ms);
  }
}

void StreamReplay::begin_anew(StreamId position) {
  at_ = position;
  owner_.begin_replay(at_);
  is_walking_ = false;
  is_live_sure_ = false;
  is_void_ = is_asking_;
}

void StreamReplay::live_caught_up(std::uint64_t now_ms) {
  is_doubting_ = false;
  go_on(now_ms);
}

void StreamReplay::doubt_live(std::uint64_t now_ms) {
  is_doubting_ = true;
  owner_.doubt_live(now_ms);
}

const Subscription* StreamReplay::oldest_parked() const {
  const Subscription* oldest = nullptr;
  for (const Subscription* parked = owner_.parked().front(); parked != nullptr; parked = owner_.parked().after(*parked)) {
    if (owner_.can_read(*parked) && (oldest == nullptr || position_of(*parked) < position_of(*oldest))) {
      oldest = parked;
    }
  }
  return oldest;
}

void StreamReplay::ask_page(std::uint64_t now_ms) {
  bound_ = std::max(owner_.live_position(), at_);  // beyond live reading: another worker was faster, and its client came here
  is_asking_ = true;
  most_ = owner_.most_to_replay();
  const EntrySize& size = size_.bytes() != 0 ? size_ : owner_.entry_size();
  asked_count_ = std::min(pages_.count(size), most_ + 1);  // with the one that was read last
  query_.expect(asked_count_ * size.bytes());
  if (needs_facts_) {
    query_.ask_page_and_facts(at_, bound_, asked_count_, now_ms);
  } else {
    query_.ask_page(at_, bound_, asked_count_, now_ms);
  }
}

void StreamReplay::connection_lost() {
  query_.connection_lost();
  is_asking_ = false;
  is_void_ = false;
  is_live_sure_ = false;
  is_doubting_ = false;
  are_all_due_ = true;
}

// False: the answer is about a history that has ended since.
bool StreamReplay::is_of_use(std::uint64_t now_ms) {
  is_asking_ = false;
  if (!is_void_) {
    return true;
  }
  is_void_ = false;
  go_on(now_ms);
  return false;
}

void StreamReplay::on_no_answer(std::string_view error, std::uint64_t now_ms) {
  if (is_of_use(now_ms)) {
    refuse(error, now_ms);
  }
}

void StreamReplay::on_page(ReplyView entries, const StreamFacts* facts, std::uint64_t now_ms) {
  if (is_of_use(now_ms)) {
    walk(entries, facts, now_ms);
  }
}

StreamReplay::Parked StreamReplay::parked_ahead() const {
  Parked ahead;
  for (Subscription* parked = owner_.parked().front(); parked != nullptr; parked = owner_.parked().after(*parked)) {
    if (owner_.can_read(*parked) && position_of(*parked) >= at_) {
      ahead.push_back(parked);
    }
  }
  std::stable_sort(ahead.begin(), ahead.end(),
                   [](const Subscription* a, const Subscription* b) { return position_of(*a) < position_of(*b); });
  return ahead;
}

void StreamReplay::walk(ReplyView entries, const StreamFacts* facts, std::uint64_t now_ms) {
  const std::optional<StreamEntry> first = entries.size() == 0 ? std::nullopt : parse_page_entry(*entries.begin());
  const bool is_proven = (first && first->id == at_) || are_adjacent(at_, first);
  if (!is_proven && facts == nullptr) {
    needs_facts_ = true;
    ask_page(now_ms);
    return;
  }
  needs_facts_ = false;
  if (facts == nullptr || judge(*facts, is_proven, now_ms)) {
    give(entries, facts, now_ms);
  }
}

// False: the page that came with the facts is not to be given.
bool StreamReplay::judge(const StreamFacts& facts, bool is_proven, std::uint64_t now_ms) {
  const StreamId end = facts.exists ? facts.last_generated : kFirstStreamId;
  const StreamId live = owner_.live_position();
  if (end < live || (at_ > live && at_ <= end)) {  // who came from another worker may be ahead of this one
    doubt_live(now_ms);
    return false;
  }
  const Continuity verdict = is_proven ? Continuity::continuous : judge_cursor(at_, facts);
  if (!is_live_sure_ && (is_missing(verdict) || is_anybody_missing(facts))) {
    is_live_sure_ = true;
    doubt_live(now_ms);
    return false;
  }
  reset_outside(facts, now_ms);
  if (is_missing(verdict) && !owner_.is_history_trusted(now_ms)) {
    refuse(kUntrusted, now_ms);
    return false;
  }
  if (verdict == Continuity::continuous) {
    return true;
  }
  const StreamId position = owner_.position_after_reset(at_, verdict, facts);
  owner_.reset_joined(verdict, facts, position, now_ms);
  for (Subscription* parked : parked_ahead()) {
    if (position_of(*parked) == at_) {
      owner_.reset(*parked, verdict, facts, now_ms);
    }
  }
  at_ = position;
  if (verdict == Continuity::trimmed) {
    return true;
  }
  ask_page(now_ms);  // it begins elsewhere
  return false;
}

void StreamReplay::give(ReplyView entries, const StreamFacts* facts, std::uint64_t now_ms) {
  std::optional<StreamEntry> entry;
  const Parked ahead = parked_ahead();
  auto next = ahead.begin();
  // Who waits at a position that was just passed, though no entry is there: XDEL, or it never was.
  const auto pass = [&](StreamId until) {
    for (; next != ahead.end() && position_of(**next) < until; ++next) {
      Subscription& parked = **next;
      const bool is_certain = position_of(parked) == at_ || are_adjacent(position_of(parked), entry);
      if (!is_certain && facts == nullptr) {
        needs_facts_ = true;
        continue;
      }
      const Continuity verdict = is_certain ? Continuity::continuous : judge_cursor(position_of(parked), *facts);
      if (verdict == Continuity::continuous) {
        owner_.join(parked);
      } else if (!is_missing(verdict) || (is_live_sure_ && owner_.is_history_trusted(now_ms))) {
        owner_.reset(parked, verdict, *facts, now_ms);
      }
    }
  };
  std::size_t count = 0;
  std::size_t given = 0;
  for (const ReplyView element : entries) {
    entry = parse_page_entry(element);
    if (!entry || entry->id < at_ || (entry->id == at_ && count != 0)) {
      refuse(kStrangeAnswer, now_ms);
      return;
    }
    size_.note(entry->bytes);
    // A cut entry is not too large: the answer as a whole was. It comes first in the next.
    if (entry->id != at_ && (given == most_ || (entry->is_cut && given != 0))) {
      count = asked_count_;
      break;
    }
    ++count;
    if (entry->id == at_) {
      continue;
    }
    pass(entry->id);
    owner_.replay(*entry, now_ms);
    ++given;
    at_ = entry->id;
  }
  entry.reset();
  if (count < asked_count_ && at_ < bound_) {
    // The live end is not there (any more): withdrawn, or of a history that is gone, whose end nobody is to be taken to.
    if (!is_live_sure_) {
      is_live_sure_ = true;
      pass(at_.next());
      doubt_live(now_ms);
      return;
    }
    pass(bound_);
    at_ = bound_;
  }
  is_live_sure_ = false;
  pass(at_.next());
  go_on(now_ms);
}

// Those who wait where nothing is, before the first entry or behind the last, are judged all at once. Of who stands where the walk is, and
// of others, this says "continuous".
Continuity StreamReplay::judge_outside(const Subscription& parked, const StreamFacts& facts) const {
  const StreamId position = position_of(parked);
  const bool is_outside = !facts.exists || position > facts.last_generated || !facts.first || position < *facts.first;
  return position == at_ || !is_outside || !owner_.can_read(parked) ? Continuity::continuous : judge_cursor(position, facts);
}

bool StreamReplay::is_anybody_missing(const StreamFacts& facts) const {
  for (const Subscription* parked = owner_.parked().front(); parked != nullptr; parked = owner_.parked().after(*parked)) {
    if (is_missing(judge_outside(*parked, facts))) {
      return true;
    }
  }
  return false;
}

void StreamReplay::reset_outside(const StreamFacts& facts, std::uint64_t now_ms) {
  for (Subscription* parked = owner_.parked().front(); parked != nullptr;) {
    Subscription& candidate = *parked;
    parked = owner_.parked().after(candidate);
    const Continuity verdict = judge_outside(candidate, facts);
    if (verdict != Continuity::continuous && !(is_missing(verdict) && !owner_.is_history_trusted(now_ms))) {
      owner_.reset(candidate, verdict, facts, now_ms);
    }
  }
}

void StreamReplay::refuse(std::string_view error, std::uint64_t now_ms) { owner_.on_refused(error, now_ms); }

}  // namespace sse
