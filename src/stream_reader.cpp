#include "stream_reader.hpp"

#include <cassert>

namespace sse {

using redis::ReplyView;

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
  if (proven_) {
    state_ = State::proving;
    query_.ask_page(proven_->id, proven_->id, 1, now_ms);
    return;
  }
  read_on(now_ms);
}

void StreamReader::read_on(std::uint64_t now_ms) {
  if (is_end_wanted_) {
    judge(now_ms);
    return;
  }
  state_ = State::reading;
  asked_count_ = pages_.count(size_);
  query_.ask_page(last_.id, kLastStreamId, asked_count_, now_ms);
}

void StreamReader::read_to_end(std::uint64_t now_ms) {
  is_end_wanted_ = query_.can_ask();
  read(now_ms);
}

void StreamReader::judge(std::uint64_t now_ms) {
  state_ = State::judging;
  asked_count_ = pages_.count(size_);
  query_.ask_page_and_facts(last_.id, kLastStreamId, asked_count_, now_ms);
}

void StreamReader::connection_lost() {
  query_.connection_lost();
  state_ = State::idle;
  is_due_again_ = false;
  is_end_wanted_ = false;
  confirmed_ms_.reset();
}

void StreamReader::on_facts(const StreamFacts& facts, ReplyView info, std::uint64_t now_ms) {
  last_.id = facts.exists ? facts.last_generated : kFirstStreamId;
  last_.hash = last_entry_hash(info);
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
      return last && last->id == last_.id ? pages_.hash(*last) : 0;
    }
    is_value = part.text() == "last-entry";
  }
  return 0;
}

StreamReader::First StreamReader::compare_first(ReplyView entries, EntryMark& known) {
  if (entries.size() == 0) {
    return First::other;
  }
  const std::optional<StreamEntry> first = parse_page_entry(*entries.begin());
  if (!first || first->id != known.id) {
    return are_adjacent(known.id, first) ? First::next : First::other;
  }
  const std::uint64_t hash = pages_.hash(*first);
  if (known.hash != 0 && hash != 0 && hash != known.hash) {
    return First::changed;
  }
  known.hash = hash;
  size_.note(first->bytes);
  return First::same;
}

void StreamReader::on_page(ReplyView entries, const StreamFacts* facts, std::uint64_t now_ms) {
  if (state_ == State::proving) {
    on_proof(entries, facts, now_ms);
    return;
  }
  if (facts != nullptr) {
    on_judged(entries, *facts, now_ms);
    return;
  }
  const First first = compare_first(entries, last_);
  if (first == First::other || first == First::changed) {
    judge(now_ms);
  } else if (give(entries, now_ms)) {
    finish(now_ms);
  }
}

bool StreamReader::give(ReplyView entries, std::uint64_t now_ms) {
  std::size_t count = 0;
  std::size_t given = 0;
  for (const ReplyView element : entries) {
    const std::optional<StreamEntry> entry = parse_page_entry(element);
    const bool is_last = count == 0 && entry && entry->id == last_.id;
    if (!entry || (entry->id <= last_.id && !is_last)) {
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
      last_.id = end_ = entry->id;
      last_.hash = pages_.hash(*entry);
      size_.note(entry->bytes);
      owner_.on_entry(*entry, last_.hash, now_ms);
    }
  }
  has_more_ = count >= asked_count_;
  return true;
}

bool StreamReader::take(StreamId from, ReplyView entries, std::uint64_t now_ms) {
  if (!confirmed_ms_ || state_ != State::idle || from != last_.id) {
    return false;
  }
  for (const ReplyView element : entries) {
    const std::optional<StreamEntry> entry = parse_page_entry(element);
    if (entry && entry->is_cut) {  // perhaps by what came beside it
      return false;
    }
  }
  if (!proven_) {
    proven_ = last_;
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
