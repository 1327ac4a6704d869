// The part of a reader that finds out whether the stream is still the one that was read, and where another one left it.
#include "stream_reader.hpp"

namespace sse {

using redis::ReplyView;

namespace {

constexpr std::size_t kSearchCount = 64;  // entries that are looked at together

}  // namespace

void StreamReader::on_judged(ReplyView page, const StreamFacts& facts, std::uint64_t now_ms) {
  facts_ = facts;
  const First first = compare_first(page, last_);
  reason_ = Continuity::continuous;
  if (first == First::changed) {
    reason_ = Continuity::ahead;
  } else if (first == First::other) {
    reason_ = judge_cursor(last_.id, facts_);
  }
  if (reason_ != Continuity::continuous) {
    leave_history(last_.id, now_ms);
    return;
  }
  if (first != First::same) {
    last_.hash = 0;
  }
  if (give(page, now_ms)) {
    note_end();
    finish(now_ms);
  }
}

// What was taken was complete: that entries were trimmed or withdrawn since is no loss.
void StreamReader::on_proof(ReplyView entries, const StreamFacts* facts, std::uint64_t now_ms) {
  const First first = compare_first(entries, *proven_);
  if (first != First::same && facts == nullptr) {
    query_.ask_page_and_facts(proven_->id, kLastStreamId, 1, now_ms);
    return;
  }
  reason_ = Continuity::continuous;
  if (first != First::same) {
    facts_ = *facts;
    reason_ = first == First::changed ? Continuity::ahead : judge_history(proven_->id, proven_->hash != 0, facts_);
  }
  if (reason_ == Continuity::continuous) {
    proven_.reset();
    read_on(now_ms);
  } else {  // what was taken may be of the new history: then it is there, but not all before it was given
    leave_history(proven_->id, now_ms);
  }
}

// The facts were taken together with the page.
void StreamReader::note_end() {
  if (is_end_wanted_ && !has_more_) {
    is_end_wanted_ = false;
    end_ = facts_.exists ? facts_.last_generated : kFirstStreamId;
  }
}

void StreamReader::leave_history(StreamId known, std::uint64_t now_ms) {
  if (is_missing(reason_) && !owner_.is_history_trusted(now_ms)) {
    refuse(kUntrusted, now_ms);
  } else if (reason_ == Continuity::trimmed || !facts_.exists) {
    begin_anew(std::nullopt, now_ms);
  } else {
    search_from_ = known;
    search_fork(now_ms);
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
      last_.hash = hash;
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
  last_ = {reset_position(reason_, facts_, fork), 0};
  end_ = last_.id;
  proven_.reset();
  has_more_ = true;
  confirmed_ms_.reset();
  owner_.on_broken(reason_, facts_, fork, now_ms);
  finish(now_ms);
}

}  // namespace sse
