#include "lanes.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace sse {

namespace {

// A stream of a hot lane without entries for so long may go back to a cold one.
constexpr std::uint64_t kQuietMs = 5000;
// Cold lanes beyond those that the streams need: for streams that came while the others could not be interrupted.
constexpr std::size_t kSpareLanes = 32;

bool is_quiet(const LaneMember& member, std::uint64_t now_ms) { return Lane::woken_ms(member) + kQuietMs <= now_ms; }

// How well a lane suits one stream more.
enum Suitability : int {
  kAtOnce,         // it is not armed
  kInterruptible,  // can be made to return
  kWhenConnected,
  kInItsOwnTime,
};

Suitability suitability(const Lane& lane) {
  switch (lane.state()) {
    case Lane::State::idle:
    case Lane::State::probing:
      return kAtOnce;
    case Lane::State::waiting:
      return lane.is_interruptible() ? kInterruptible : kInItsOwnTime;
    default:
      return kWhenConnected;
  }
}

bool is_prompt(const Lane& lane) { return suitability(lane) <= kInterruptible; }

}  // namespace

Lanes::Lanes(LaneHost& host, Logger& logger, redis::Session& command, const LanesOptions& options)
    : host_(host), options_(options), unblocker_(command, logger), random_(options.seed), refusals_(logger) {}

void Lanes::add(LaneMember& member, std::uint64_t now_ms) {
  Lane* lane = Lane::of(member);
  if (lane == nullptr) {
    ++member_count_;
    lane = &choose_cold(now_ms);
  }
  lane->add(member, now_ms);
}

void Lanes::remove(LaneMember& member, std::uint64_t now_ms) {
  if (Lane* lane = Lane::of(member)) {
    lane->remove(member, now_ms);
  }
}

std::size_t Lanes::lane_count(Lane::Kind kind) const {
  return static_cast<std::size_t>(
      std::count_if(lanes_.begin(), lanes_.end(), [kind](const std::unique_ptr<Lane>& lane) { return lane->kind() == kind; }));
}

bool Lanes::may_open(Lane::Kind kind) const {
  const std::size_t limit = kind == Lane::Kind::hot ? options_.max_hot_lanes : member_count_ / options_.cold_members + 1 + kSpareLanes;
  return lane_count(kind) < limit;
}

Lane* Lanes::find_room(Lane::Kind kind) const {
  Lane* best = nullptr;
  for (const std::unique_ptr<Lane>& lane : lanes_) {
    if (lane->kind() == kind && has_room(*lane) &&
        (best == nullptr || std::make_pair(suitability(*lane), lane->size()) < std::make_pair(suitability(*best), best->size()))) {
      best = lane.get();
    }
  }
  return best;
}

Lane& Lanes::choose_cold(std::uint64_t now_ms) {
  Lane* found = find_room(Lane::Kind::cold);
  if (found != nullptr && (suitability(*found) != kInItsOwnTime || !may_open(Lane::Kind::cold))) {
    return *found;
  }
  return open(Lane::Kind::cold, now_ms);
}

Lane& Lanes::open(Lane::Kind kind, std::uint64_t now_ms) {
  return *lanes_.emplace_back(std::make_unique<Lane>(kind, static_cast<LaneOwner&>(*this), host_, unblocker_, options_.lane, now_ms));
}

std::uint64_t Lanes::next_due_ms() const {
  std::uint64_t due_ms = Lane::kNever;
  for (const std::unique_ptr<Lane>& lane : lanes_) {
    due_ms = std::min(due_ms, lane->due_ms());
  }
  return due_ms;
}

void Lanes::tick(std::uint64_t now_ms) {
  // By number: lanes may be opened on the way.
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    Lane& lane = *lanes_[i];
    if (lane.due_ms() > now_ms) {
      continue;
    }
    if (lane.is_armable()) {
      fill(lane, now_ms);
      lane.arm(now_ms);
    } else if (lane.state() == Lane::State::unusable) {
      lane.reconnect();
    } else if (lane.state() == Lane::State::waiting && lane.size() != 0 && !lane.interrupt(now_ms)) {
      rehome_news(lane, now_ms);
    }
  }
  lanes_.erase(std::remove_if(lanes_.begin(), lanes_.end(),
                              [now_ms](const std::unique_ptr<Lane>& lane) { return lane->size() == 0 && lane->due_ms() <= now_ms; }),
               lanes_.end());
}

void Lanes::check_timeouts() {
  for (const std::unique_ptr<Lane>& lane : lanes_) {
    lane->check_timeout();
  }
}

void Lanes::close() {
  lanes_.clear();
  member_count_ = 0;
}

// A lane that is about to be armed takes in what others need not hold: asking for one stream more costs nothing now.
void Lanes::fill(Lane& lane, std::uint64_t now_ms) {
  if (lane.kind() == Lane::Kind::cold) {
    take_quiet(lane, now_ms);
  }
  merge(lane, now_ms);
}

void Lanes::take_quiet(Lane& lane, std::uint64_t now_ms) {
  for (const std::unique_ptr<Lane>& hot : lanes_) {
    while (hot->kind() == Lane::Kind::hot && has_room(lane) && hot->size() != 0 && is_quiet(*hot->front(), now_ms)) {
      lane.take(*hot->front(), now_ms);
    }
  }
}

void Lanes::merge(Lane& lane, std::uint64_t now_ms) {
  for (const std::unique_ptr<Lane>& other : lanes_) {
    if (other.get() == &lane || other->kind() != lane.kind() || other->state() == Lane::State::probing || other->size() > lane.size() ||
        other->size() + lane.size() > limit(lane.kind())) {
      continue;
    }
    while (LaneMember* member = other->front()) {
      lane.take(*member, now_ms);
    }
  }
}

void Lanes::on_woken(Lane& lane, LaneMember& member, std::uint64_t now_ms) {
  lane.touch(member, now_ms);
  if (lane.kind() == Lane::Kind::hot) {
    return;
  }
  Lane* hot = find_room(Lane::Kind::hot);
  if (hot != nullptr && is_prompt(*hot)) {
    hot->take(member, now_ms);
  } else if (hot != nullptr && hot->state() == Lane::State::away) {
    // Nobody leaves a lane that listens for one that may not.
  } else if (may_open(Lane::Kind::hot)) {
    open(Lane::Kind::hot, now_ms);  // for the next time
  } else if (hot == nullptr) {
    exchange(lane, member, now_ms);
  }
}

// All hot lanes are full: a quiet stream makes room.
void Lanes::exchange(Lane& cold, LaneMember& woken, std::uint64_t now_ms) {
  for (const std::unique_ptr<Lane>& hot : lanes_) {
    if (hot->kind() == Lane::Kind::hot && is_prompt(*hot) && hot->size() != 0 && is_quiet(*hot->front(), now_ms)) {
      cold.take(*hot->front(), now_ms);
      hot->take(woken, now_ms);
      return;
    }
  }
}

// The lane cannot be made to return: who waits for that is better off in a lane of their own, which merges with others later.
void Lanes::rehome_news(Lane& lane, std::uint64_t now_ms) {
  Lane* home = nullptr;
  for (LaneMember* member = lane.next_news(nullptr); member != nullptr;) {
    LaneMember* next = lane.next_news(member);
    if (home == nullptr || !has_room(*home)) {
      home = &choose_cold(now_ms);
    }
    if (suitability(*home) == kInItsOwnTime) {
      return;
    }
    home->take(*member, now_ms);
    member = next;
  }
}

void Lanes::on_lane_error(std::string_view error, std::uint64_t now_ms) {
  refusals_.log(LogLevel::warn, "streams cannot be listened to for a while", error, now_ms);
}

void Lanes::on_lane_lost() {
  unblocker_.connection_lost();
  host_.on_due();
}

}  // namespace sse
