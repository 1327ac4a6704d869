// A stream as Redis keeps it, and beyond that what Redis forgets: what became of every entry of this history. A copy is an earlier state
// to go back to: what is added after the copy was taken is then of another history.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

#include "stream_facts.hpp"
#include "stream_id.hpp"

namespace sse::test {

class StreamModel {
 public:
  // XADD. Requires an id above last_generated().
  void add(StreamId id) {
    entries_.emplace_hint(entries_.end(), id, Fate::retained);
    last_generated_ = id;
    ++length_;
  }

  // XTRIM MAXLEN = and XTRIM MINID =.
  void trim_to(std::size_t length) {
    for (auto entry = entries_.begin(); length_ > length; ++entry) {
      trim(entry->second);
    }
  }
  void trim_below(StreamId id) {
    for (auto entry = entries_.begin(); entry != entries_.end() && entry->first < id; ++entry) {
      trim(entry->second);
    }
  }

  // XDEL.
  void withdraw(StreamId id) {
    const auto entry = entries_.find(id);
    if (entry != entries_.end() && entry->second == Fate::retained) {
      entry->second = Fate::withdrawn;
      max_deleted_ = std::max(max_deleted_, id);
      --length_;
    }
  }

  StreamId last_generated() const { return last_generated_; }
  std::size_t removed() const { return entries_.size() - length_; }

  // Whether this history ever had an entry of that id, and what became of it.
  bool has_held(StreamId id) const { return entries_.count(id) != 0; }
  bool is_retained(StreamId id) const { return is(id, Fate::retained); }
  bool is_withdrawn(StreamId id) const { return is(id, Fate::withdrawn); }
  bool has_trimmed_after(StreamId id) const { return has_after(id, Fate::trimmed); }
  bool has_withdrawn_after(StreamId id) const { return has_after(id, Fate::withdrawn); }

  // The oldest retained entry at `id` or after it.
  std::optional<StreamId> first_from(StreamId id) const {
    for (auto entry = entries_.lower_bound(id); entry != entries_.end(); ++entry) {
      if (entry->second == Fate::retained) {
        return entry->first;
      }
    }
    return std::nullopt;
  }

  // Calls visit(id, is_withdrawn) for every entry of this history.
  template <class Visit>
  void for_each(Visit visit) const {
    for (const auto& [id, fate] : entries_) {
      visit(id, fate == Fate::withdrawn);
    }
  }

  // What XINFO STREAM shows.
  StreamFacts facts() const {
    StreamFacts facts;
    facts.exists = true;
    facts.length = length_;
    facts.last_generated = last_generated_;
    facts.max_deleted = max_deleted_;
    facts.entries_added = entries_.size();
    facts.first = first_from(kFirstStreamId);
    for (auto entry = entries_.rbegin(); entry != entries_.rend() && !facts.last; ++entry) {
      facts.last = entry->second == Fate::retained ? std::make_optional(entry->first) : std::nullopt;
    }
    return facts;
  }

 private:
  enum class Fate : std::uint8_t { retained, trimmed, withdrawn };

  void trim(Fate& fate) {
    if (fate == Fate::retained) {
      fate = Fate::trimmed;
      --length_;
    }
  }

  bool is(StreamId id, Fate fate) const {
    const auto entry = entries_.find(id);
    return entry != entries_.end() && entry->second == fate;
  }

  bool has_after(StreamId id, Fate fate) const {
    for (auto entry = entries_.upper_bound(id); entry != entries_.end(); ++entry) {
      if (entry->second == fate) {
        return true;
      }
    }
    return false;
  }

  std::map<StreamId, Fate> entries_;  // every one that was added
  std::size_t length_ = 0;
  StreamId last_generated_;
  StreamId max_deleted_;
};

}  // namespace sse::test
