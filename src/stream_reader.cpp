#include "stream_reader.hpp"

#include <cassert>

namespace sse {

using redis::ReplyView;

namespace {

constexpr std::size_t kSearchCount = 64;  // entries that are looked at together

}  // namespace

void StreamReader::read(std::uint64_t now_ms, Urgency urgency) {
  if (!query_.can_ask()) {
    return;
  }
  if (state_ != State::idle) {
    if (urgency == Urgency::prompt) {
      query_.set_urgency(urgency);
    }
    if (is_yet_to_ask() && (!is_end_wanted_ || state_ == State::judging)) {
      asked_ms_ = now_ms;
    } else {
      is_due_again_ = true;
    }
    return;
  }
  query_.set_urgency(urgency);
  query_.expect(size_.bytes());
  is_due_again_ = false;
  has_more_ = false;
  asked_ms_ = now_ms;
  ++questions_;
  if (!is_located_) {
    state_ = State::locating;
    query_.ask_facts(now_ms);
    return;
  }
  if (is_end_wanted_) {
    judge(now_ms);
    return;
  }
  state_ = State::reading;
  asked_count_ = pages_.count(size_);
  query_.ask_page(position_, kLastStreamId, asked_count_, now_ms);
}

void StreamReader::read_to_end(std::uint64_t now_ms) {
  is_end_wanted_ = query_.can_ask();
  read(now_ms);
}

void StreamReader::judge(std::uint64_t now_ms) {
  state_ = State::judging;
  asked_count_ = pages_.count(size_);
  query_.ask_page_and_facts(position_, kLastStreamId, asked_count_, now_ms);
}

void StreamReader::connection_lost() {
  query_.connection_lost();
  state_ = State::idle;
  is_due_again_ = false;
  is_end_wanted_ = false;
  confirmed_ms_.reset();
}

void StreamReader::on_facts(const StreamFacts& facts, ReplyView info, std::uint64_t now_ms) {
  position_ = facts.exists ? facts.last_generated : kFirstStreamId;
  hash_ = last_entry_hash(info);
  is_located_ = true;
  owner_.on_located(now_ms);
  finish(now_ms);
}

// Of the entry at the position, if it is retained; else 0.
std::uint64_t StreamReader::last_entry_hash(ReplyView info) const {
  bool is_value = false;
  for (const ReplyView part : info) {
    if (is_value) {
      const std::optional<StreamEntry> last = parse_page_entry(part);
      return last && last->id == position_ ? pages_.hash(*last) : 0;
    }
    is_value = part.text() == "last-entry";
  }
  return 0;
}

StreamReader::First StreamReader::compare_first(ReplyView entries) {
  if (entries.size() == 0) {
    return First::other;
  }
  const std::optional<StreamEntry> first = parse_page_entry(*entries.begin());
  if (!first || first->id != position_) {
    return are_adjacent(position_, first) ? First::next : First::other;
  }
  const std::uint64_t hash = pages_.hash(*first);
  if (hash_ != 0 && hash != 0 && hash != hash_) {
    return First::changed;
  }
  hash_ = hash;
  size_.note(first->bytes);
  return First::same;
}

void StreamReader::on_page(ReplyView entries, const StreamFacts* facts, std::uint64_t now_ms) {
  if (facts != nullptr) {
    on_judged(entries, *facts, now_ms);
    return;
  }
  const First first = compare_first(entries);
  if (first == First::other || first == First::changed) {
    judge(now_ms);
  } else if (give(entries, now_ms)) {
    finish(now_ms);
  }
}

void StreamReader::on_judged(ReplyView page, const StreamFacts& facts, std::uint64_t now_ms) {
  facts_ = facts;
  const First first = compare_first(page);
  reason_ = Continuity::continuous;
  if (first == First::changed) {
    reason_ = Continuity::ahead;
  } else if (first == First::other) {
    reason_ = judge_cursor(position_, facts_);
  }
  if (is_missing(reason_) && !owner_.is_history_trusted(now_ms)) {
    refuse(kUntrusted, now_ms);
  } else if (reason_ == Continuity::continuous) {
    if (first != First::same) {
      hash_ = 0;
    }
    if (give(page, now_ms)) {
      note_end();
      finish(now_ms);
    }
  } else if (reason_ == Continuity::trimmed || !facts_.exists) {
    begin_anew(std::nullopt, now_ms);
  } else {
    search_from_ = position_;
    search_fork(now_ms);
  }
}

// The facts were taken together with the page.
void StreamReader::note_end() {
  if (is_end_wanted_ && !has_more_) {
    is_end_wanted_ = false;
    end_ = facts_.exists ? facts_.last_generated : kFirstStreamId;
  }
}

void StreamReader::search_fork(std::uint64_t now_ms) {
  state_ = State::searching;
  query_.ask_page_back(owner_.oldest_given(), search_from_, kSearchCount, now_ms);
}

// Goes back to the newest entry that was given and is still there.
void StreamReader::on_page_back(ReplyView entries, std::uint64_t now_ms) {
  std::optional<StreamId> last;
  for (const ReplyView element : entries) {
    const std::optional<StreamEntry> entry = parse_page_entry(element);
    if (!entry || entry->id > search_from_) {
      refuse(kStrangeAnswer, now_ms);
      return;
    }
    const std::uint64_t hash = pages_.hash(*entry);
    if (hash != 0 && owner_.given_hash(entry->id) == hash) {
      begin_anew(entry->id, now_ms);
      hash_ = hash;
      return;
    }
    last = entry->id;
  }
  if (last && *last > owner_.oldest_given()) {
    search_from_ = last->previous();
    search_fork(now_ms);
  } else {
    begin_anew(std::nullopt, now_ms);
  }
}

void StreamReader::begin_anew(std::optional<StreamId> fork, std::uint64_t now_ms) {
  position_ = end_ = reset_position(reason_, facts_, fork);
  hash_ = 0;
  has_more_ = true;
  confirmed_ms_.reset();
  owner_.on_broken(reason_, facts_, fork, now_ms);
  finish(now_ms);
}

bool StreamReader::give(ReplyView entries, std::uint64_t now_ms) {
  std::size_t count = 0;
  std::size_t given = 0;
  for (const ReplyView element : entries) {
    const std::optional<StreamEntry> entry = parse_page_entry(element);
    const bool is_last = count == 0 && entry && entry->id == position_;
    if (!entry || (entry->id <= position_ && !is_last)) {
      refuse(kStrangeAnswer, now_ms);
      return false;
    }
    ++count;
    if (entry->is_cut && given != 0) {  // not because it is too large: the answer as a whole was. It comes first in the next
      size_.note(entry->bytes);
      has_more_ = true;
      return true;
    }
    if (!is_last) {
      ++given;
      position_ = end_ = entry->id;
      hash_ = pages_.hash(*entry);
      size_.note(entry->bytes);
      owner_.on_entry(*entry, hash_, now_ms);
    }
  }
  has_more_ = count >= asked_count_;
  return true;
}

bool StreamReader::take(StreamId from, ReplyView entries, std::uint64_t now_ms) {
  if (!confirmed_ms_ || state_ != State::idle || from != position_) {
    return false;
  }
  for (const ReplyView element : entries) {
    const std::optional<StreamEntry> entry = parse_page_entry(element);
    if (entry && entry->is_cut) {  // perhaps by what came beside it
      return false;
    }
  }
  asked_count_ = SIZE_MAX;
  return give(entries, now_ms);
}

void StreamReader::finish(std::uint64_t now_ms) {
  state_ = State::idle;
  if (!has_more_) {
    confirmed_ms_ = asked_ms_;
    answered_ = questions_;
    owner_.on_caught_up(now_ms);
  }
  if (has_more_ || is_due_again_) {
    read(now_ms);
  }
}

void StreamReader::refuse(std::string_view error, std::uint64_t now_ms) {
  state_ = State::idle;
  is_due_again_ = false;
  is_end_wanted_ = false;
  confirmed_ms_.reset();
  owner_.on_refused(error, now_ms);
}

}  // namespace sse
