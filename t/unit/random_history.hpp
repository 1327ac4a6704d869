// What may happen to a durable channel's key, at random: entries, trimming, withdrawals, a key that is deleted and made again, a tail
// that is lost. No id is given twice, as `XADD *` does not; after a loss the clock may have gone back, so that new ids lie among lost ones.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "continuity.hpp"
#include "stream_model.hpp"

namespace sse::test {

struct Operation {
  enum class Kind : std::uint8_t { add, trim_to, trim_below, withdraw, remove_key, make_empty, save, go_back };
  static constexpr std::size_t kKinds = 8;

  Kind kind;
  StreamId id = {};                                  // add, trim_below, withdraw
  std::optional<std::size_t> length = std::nullopt;  // trim_to; add: with MAXLEN
  std::size_t slot = 0;                              // save, go_back
};

class RandomHistory {
 public:
  static constexpr std::size_t kSlots = 3;

  explicit RandomHistory(std::uint64_t seed) : random_(seed) {}

  // No stream: the key is missing.
  const std::optional<StreamModel>& stream() const { return stream_; }
  StreamFacts facts() const { return stream_ ? stream_->facts() : StreamFacts(); }

  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }

  // Does something to the stream, and says what.
  Operation step() {
    const Operation operation = choose();
    apply(operation);
    return operation;
  }

  // A cursor as a client may have it: an id of this or of another history, a position, or nonsense.
  StreamId cursor() {
    switch (below(8)) {
      case 0:
        return kFirstStreamId;
      case 1:
        return stream_ ? stream_->last_generated() : kFirstStreamId;
      case 2:
        return positions_.empty() ? kFirstStreamId : positions_[below(positions_.size())];
      case 3: {
        const StreamId id = any_id();
        return below(2) == 0 ? id.next() : id.previous();
      }
      case 4:
        return {below(newest_.ms + 2), below(6)};
      default:
        return any_id();
    }
  }

  // A reset gave a client this position: a cursor from now on.
  void give_position(StreamId position) {
    if (positions_.size() < kPositions) {
      positions_.push_back(position);
    } else {
      positions_[below(kPositions)] = position;
    }
  }

 private:
  using Kind = Operation::Kind;
  static constexpr std::size_t kPositions = 5;

  Operation choose() {
    const std::size_t dice = below(100);
    if (dice < 62 || (!stream_ && dice < 90)) {
      if (!stream_ && below(4) == 0) {
        return {Kind::make_empty};
      }
      return {Kind::add, new_id(), below(12) == 0 ? std::make_optional(below(12)) : std::nullopt};
    }
    if (dice < 67) {
      return {Kind::trim_to, {}, length() - std::min(length(), below(6))};
    }
    if (dice < 70) {
      return {Kind::trim_below, any_id()};
    }
    if (dice < 82) {
      return {Kind::withdraw, below(3) == 0 && stream_ ? stream_->last_generated() : any_id()};
    }
    if (dice < 84) {
      return {Kind::remove_key};
    }
    return {dice < 95 ? Kind::save : Kind::go_back, {}, std::nullopt, below(kSlots)};
  }

  void apply(const Operation& operation) {
    switch (operation.kind) {
      case Kind::add:
        stream_ = std::move(stream_).value_or(StreamModel());
        stream_->add(operation.id);
        used_.insert(operation.id);
        ids_.push_back(operation.id);
        newest_ = std::max(newest_, operation.id);
        if (operation.length) {
          stream_->trim_to(*operation.length);
        }
        break;
      case Kind::make_empty:
        stream_ = StreamModel();
        break;
      case Kind::remove_key:
        stream_.reset();
        is_clock_back_ = below(2) == 0;
        break;
      case Kind::save:
        slots_[operation.slot] = stream_;
        break;
      case Kind::go_back:
        stream_ = slots_[operation.slot];
        is_clock_back_ = below(2) == 0;
        break;
      default:
        if (stream_) {
          apply_removal(operation);
        }
    }
  }

  void apply_removal(const Operation& operation) {
    if (operation.kind == Kind::trim_to) {
      stream_->trim_to(*operation.length);
    } else if (operation.kind == Kind::trim_below) {
      stream_->trim_below(operation.id);
    } else {
      stream_->withdraw(operation.id);
    }
  }

  std::size_t length() const { return stream_ ? static_cast<std::size_t>(stream_->facts().length) : 0; }

  // Of all that were given, the recent ones more often.
  StreamId any_id() {
    if (ids_.empty()) {
      return {1, 0};
    }
    const std::size_t recent = below(2) == 0 ? std::min<std::size_t>(ids_.size(), 10) : ids_.size();
    return ids_[ids_.size() - 1 - below(recent)];
  }

  StreamId new_id() {
    StreamId id = stream_ ? stream_->last_generated() : kFirstStreamId;
    if (!is_clock_back_) {
      id = std::max(id, newest_);
    }
    const std::size_t dice = below(3);
    id = dice == 0 ? StreamId{id.ms + 1 + below(4), below(2)} : dice == 1 ? StreamId{id.ms, id.seq + 1 + below(4)} : id.next();
    while (used_.count(id) != 0) {
      id = id.next();
    }
    return id;
  }

  std::mt19937_64 random_;
  std::optional<StreamModel> stream_;
  std::array<std::optional<StreamModel>, kSlots> slots_;
  std::set<StreamId> used_;
  std::vector<StreamId> ids_;  // the same, oldest first
  std::vector<StreamId> positions_;
  StreamId newest_;
  bool is_clock_back_ = false;
};

}  // namespace sse::test
