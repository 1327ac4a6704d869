#include "stream_replay.hpp"

#include <algorithm>

namespace sse {

using redis::ReplyView;
using redis::Request;
using redis::RequestKind;

namespace {

StreamId position_of(const Subscription& subscription) { return *subscription.durable->position; }

}  // namespace

void StreamReplay::ask(RequestKind kind, std::initializer_list<std::string_view> arguments, std::uint64_t now_ms) {
  session_.request({kind, nullptr, this}, arguments, now_ms);
  ++in_flight_;
}

void StreamReplay::go_on(std::uint64_t now_ms) {
  if (!owner_.is_live_known(now_ms)) {
    return;
  }
  is_walking_ = owner_.serve_from_window(now_ms) || is_walking_;
  if (is_asking_ || is_doubting_ || !session_.is_ready()) {
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
    is_live_sure_ = false;
    is_walking_ = true;
    ask_page(now_ms);
  }
}

void StreamReplay::begin_anew(StreamId position) {
  at_ = position;
  owner_.begin_replay(at_);
  is_walking_ = false;
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
  asked_count_ = std::min(pages_.count(size_.bytes() != 0 ? size_ : owner_.entry_size()), most_ + 1);  // with the one that was read last
  const std::string from = to_string(at_);
  const std::string to = to_string(bound_);
  const std::string count = std::to_string(asked_count_);
  if (!needs_facts_) {
    ask(RequestKind::read, {"XRANGE", key_, from, to, "COUNT", count}, now_ms);
    return;
  }
  transaction_error_.clear();
  ask(RequestKind::transaction, {"MULTI"}, now_ms);
  ask(RequestKind::transaction, {"XINFO", "STREAM", key_}, now_ms);
  ask(RequestKind::transaction, {"XRANGE", key_, from, to, "COUNT", count}, now_ms);
  ask(RequestKind::judge, {"EXEC"}, now_ms);
}

void StreamReplay::connection_lost() {
  in_flight_ = 0;
  is_asking_ = false;
  is_void_ = false;
  is_live_sure_ = false;
  is_doubting_ = false;
}

void StreamReplay::on_reply(const Request& request, ReplyView reply, std::uint64_t now_ms) {
  --in_flight_;
  if (request.kind == RequestKind::transaction) {
    if (reply.is_error() && transaction_error_.empty()) {
      transaction_error_ = reply.text();
    }
    return;
  }
  is_asking_ = false;
  if (is_void_) {
    is_void_ = false;
    go_on(now_ms);
    return;
  }
  if (request.kind == RequestKind::read) {
    if (reply.is_array()) {
      on_page(reply, nullptr, now_ms);
    } else {
      refuse(reply.is_error() ? reply.text() : kStrangeAnswer, now_ms);
    }
    return;
  }
  if (reply.size() != 2) {
    refuse(!transaction_error_.empty() ? std::string_view(transaction_error_) : reply.is_error() ? reply.text() : kStrangeAnswer, now_ms);
    return;
  }
  const std::optional<StreamFacts> facts = parse_stream_facts(reply.at(0));
  if (!facts || reply.at(1).is_error()) {
    const ReplyView error = reply.at(0).is_error() ? reply.at(0) : reply.at(1);
    refuse(error.is_error() ? error.text() : kStrangeAnswer, now_ms);
    return;
  }
  on_page(reply.at(1), &*facts, now_ms);
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

void StreamReplay::on_page(ReplyView entries, const StreamFacts* facts, std::uint64_t now_ms) {
  auto element = entries.begin();
  std::optional<StreamEntry> entry = entries.size() == 0 ? std::nullopt : parse_page_entry(*element);
  const bool is_proven = (entry && entry->id == at_) || are_adjacent(at_, entry);
  if (!is_proven && facts == nullptr) {
    needs_facts_ = true;
    ask_page(now_ms);
    return;
  }
  needs_facts_ = false;
  if (facts != nullptr) {
    const StreamId end = facts->exists ? facts->last_generated : kFirstStreamId;
    const StreamId live = owner_.live_position();
    if (end < live || (at_ > live && at_ <= end)) {  // who came from another worker may be ahead of this one
      doubt_live(now_ms);
      return;
    }
    reset_outside(*facts, now_ms);
  }
  if (!is_proven) {
    const Continuity verdict = judge_cursor(at_, *facts);
    if (is_missing(verdict) && !owner_.is_history_trusted()) {
      refuse(kUntrusted, now_ms);
      return;
    }
    if (verdict != Continuity::continuous) {
      const StreamId position = reset_position(verdict, *facts);
      owner_.reset_joined(verdict, *facts, position, now_ms);
      for (Subscription* parked : parked_ahead()) {
        if (position_of(*parked) == at_) {
          owner_.reset(*parked, verdict, *facts, now_ms);
        }
      }
      at_ = position;
      if (verdict != Continuity::trimmed) {  // the page begins elsewhere
        ask_page(now_ms);
        return;
      }
    }
  }

  const Parked ahead = parked_ahead();
  auto next = ahead.begin();
  // Who waits at a position that was just passed, though no entry is there: XDEL, or it never was.
  const auto pass = [&](StreamId until) {
    for (; next != ahead.end() && position_of(**next) < until; ++next) {
      Subscription& parked = **next;
      const bool is_certain = position_of(parked) == at_ || are_adjacent(position_of(parked), entry);
      if (!is_certain && (facts == nullptr || !owner_.is_history_trusted())) {
        needs_facts_ = needs_facts_ || facts == nullptr;
        continue;
      }
      const Continuity verdict = is_certain ? Continuity::continuous : judge_cursor(position_of(parked), *facts);
      if (verdict == Continuity::continuous) {
        owner_.join(parked);
      } else {
        owner_.reset(parked, verdict, *facts, now_ms);
      }
    }
  };
  std::size_t count = 0;
  std::size_t given = 0;
  for (; element != entries.end(); ++element, ++count) {
    entry = parse_page_entry(*element);
    if (!entry || entry->id < at_ || (entry->id == at_ && count != 0)) {
      refuse(kStrangeAnswer, now_ms);
      return;
    }
    size_.note(entry->bytes);
    if (entry->id == at_) {
      continue;
    }
    // A cut entry is not too large: the answer as a whole was. It comes first in the next.
    if (given == most_ || (entry->is_cut && given != 0)) {
      count = asked_count_;
      break;
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

// Those who wait where nothing is, before the first entry or behind the last, are judged all at once.
void StreamReplay::reset_outside(const StreamFacts& facts, std::uint64_t now_ms) {
  for (Subscription* parked = owner_.parked().front(); parked != nullptr;) {
    Subscription& candidate = *parked;
    parked = owner_.parked().after(candidate);
    const StreamId position = position_of(candidate);
    const bool is_outside = !facts.exists || position > facts.last_generated || !facts.first || position < *facts.first;
    if (position == at_ || !is_outside || !owner_.can_read(candidate)) {
      continue;
    }
    const Continuity verdict = judge_cursor(position, facts);
    if (verdict != Continuity::continuous && !(is_missing(verdict) && !owner_.is_history_trusted())) {
      owner_.reset(candidate, verdict, facts, now_ms);
    }
  }
}

void StreamReplay::refuse(std::string_view error, std::uint64_t now_ms) { owner_.on_refused(error, now_ms); }

}  // namespace sse
