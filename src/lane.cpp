#include "lane.hpp"

#include <cassert>

namespace sse {

namespace {

// An empty lane is kept so long for whoever may come.
constexpr std::uint64_t kEmptyMs = 5000;
// The server had not seen XREAD when CLIENT UNBLOCK came: asked again so long after the last time.
constexpr std::uint64_t kInterruptAgainMs = 10;

}  // namespace

Lane::Lane(Kind kind, LaneOwner& owner, LaneHost& host, Unblocker& unblocker, const LaneOptions& options, std::uint64_t now_ms)
    : kind_(kind),
      owner_(owner),
      unblocker_(unblocker),
      connection_(host.make_connection(*this)),
      session_(options.login, *this, connection_->transport(), options.reply_limits, options.answer_timeout_ms),
      empty_since_ms_(now_ms),
      unarmed_since_ms_(now_ms) {
  connection_->start(session_);
}

Lane::~Lane() {
  unblocker_.forget(*this);
  while (LaneMember* member = members_.front()) {
    leave(*member, 0);
  }
}

void Lane::add(LaneMember& member, std::uint64_t now_ms) {
  LaneMember::Place& place = member.place_;
  if (place.lane == nullptr) {
    place = {};
    place.woken_ms = now_ms;
    link(member, now_ms);
    return;
  }
  assert(place.lane == this);
  // Asked for from an earlier position than its own, the lane returns by itself or has nothing to return for.
  const bool is_listened_to = !place.is_paused && (place.is_news || !(member.position() < asked(member).from));
  if (!is_listened_to) {
    place.is_paused = false;
    place.is_news = true;
    place.since_ms = now_ms;
    note_news();
  }
}

const Lane::Asked& Lane::asked(const LaneMember& member) const {
  assert(member.place_.slot < asked_.size() && asked_[member.place_.slot].member == &member);
  return asked_[member.place_.slot];
}

void Lane::take(LaneMember& member, std::uint64_t now_ms) {
  const std::uint64_t since_ms = member.place_.lane->unheard_since_ms(member, now_ms);
  member.place_.lane->leave(member, now_ms);
  link(member, since_ms);
}

void Lane::remove(LaneMember& member, std::uint64_t now_ms) {
  leave(member, now_ms);
  owner_.on_left();
  owner_.on_lane_due();
}

void Lane::touch(LaneMember& member, std::uint64_t now_ms) {
  member.place_.woken_ms = now_ms;
  members_.push_back(member);
}

void Lane::link(LaneMember& member, std::uint64_t since_ms) {
  member.place_.lane = this;
  member.place_.is_news = true;
  member.place_.since_ms = since_ms;
  members_.push_back(member);
  ++size_;
  note_news();
}

void Lane::note_news() {
  has_news_ = true;
  if (state_ == State::idle && arm_at_ms_ == kNever) {
    arm_at_ms_ = armed_ms_ + gap_ms();
  } else if (state_ == State::waiting && interrupt_at_ms_ == kNever && !is_interrupting_) {
    interrupt_at_ms_ = armed_ms_ + gap_ms();
  }
  owner_.on_lane_due();
}

void Lane::leave(LaneMember& member, std::uint64_t now_ms) {
  LaneMember::Place& place = member.place_;
  assert(place.lane == this);
  if (place.slot < asked_.size() && asked_[place.slot].member == &member) {
    asked_[place.slot].member = nullptr;
  }
  place.lane = nullptr;
  static_cast<ListNode<LaneMember>&>(member).unlink();
  if (--size_ == 0) {
    empty_since_ms_ = now_ms;
  }
}

std::uint64_t Lane::unheard_since_ms(const LaneMember& member, std::uint64_t now_ms) const {
  if (member.place_.is_news) {
    return member.place_.since_ms;
  }
  return state_ == State::waiting ? now_ms : unarmed_since_ms_;
}

LaneMember* Lane::next_news(const LaneMember* member) const {
  LaneMember* next = member == nullptr ? members_.front() : members_.after(*member);
  while (next != nullptr && (!next->place_.is_news || next->place_.is_paused)) {
    next = members_.after(*next);
  }
  return next;
}

std::uint64_t Lane::due_ms() const {
  if (state_ == State::unusable) {
    return 0;
  }
  if (size_ == 0) {
    return empty_since_ms_ + kEmptyMs;
  }
  if (state_ == State::idle) {
    return arm_at_ms_;
  }
  return state_ == State::waiting && has_news_ && !is_id_asked_ ? interrupt_at_ms_ : kNever;
}

bool Lane::interrupt(std::uint64_t now_ms) {
  interrupt_at_ms_ = kNever;
  if (!is_interruptible()) {
    return false;
  }
  is_interrupting_ = true;
  interrupted_ms_ = now_ms;
  unblocker_.unblock(*this, client_id_, wait_, now_ms);
  return true;
}

void Lane::not_unblocked(std::uint64_t wait) {
  if (state_ == State::waiting && wait == wait_) {
    is_interrupting_ = false;
    interrupt_at_ms_ = interrupted_ms_ + kInterruptAgainMs;
    owner_.on_lane_due();
  }
}

void Lane::on_ready(const redis::ServerInfo&, std::uint64_t now_ms) {
  failures_ = 0;
  rest(0, now_ms);
}

void Lane::connection_lost() {
  session_.disconnected();
  for (LaneMember* member = members_.front(); member != nullptr; member = members_.after(*member)) {
    member->place_.is_news = true;
  }
  owe_rings();
  state_ = State::away;
  asked_.clear();
  is_id_asked_ = false;
  owner_.on_lane_lost();
}

void Lane::owe_rings() {
  for (LaneMember* member = members_.front(); member != nullptr; member = members_.after(*member)) {
    member->place_.is_owed_ring = true;
  }
}

}  // namespace sse
