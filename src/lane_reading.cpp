// What a lane asks, and what becomes of the answers.
#include <algorithm>
#include <cassert>

#include "lane.hpp"
#include "passing_error.hpp"

namespace sse {

using redis::ReplyView;
using redis::Request;
using redis::RequestKind;

namespace {

// How long XREAD waits, give or take a tenth, so that many lanes do not return together.
constexpr std::uint64_t kBlockMs = 10000;
// The same for a small lane that cannot be interrupted: soon it returns, and others join it.
constexpr std::uint64_t kShortBlockMs = 1000;
constexpr std::size_t kShortBlockMembers = 16;
// Of one reply, if each stream had but one large entry: COUNT is for each stream, and Redis has no limit in bytes.
constexpr std::size_t kReplyBytes = 1024 * 1024;
// Who was not listened to for so long is told to read by itself.
constexpr std::uint64_t kLateMs = 1000;
// Armed at most so often, and less often the more it costs the server: 3 ms for 16 members, 18 ms for 256.
constexpr std::uint64_t kLeastGapMs = 2;
constexpr std::size_t kMembersPerGapMs = 16;
// After a bell, in which the member that it is for is likely to read and to be added again.
constexpr std::uint64_t kBellPauseMs = 2;
// After an error that is nobody's fault, doubled with each.
constexpr std::uint64_t kFirstPauseMs = 100;
constexpr std::uint32_t kMostPauseDoublings = 4;

}  // namespace

bool Lane::ask(LaneMember& member, std::uint64_t now_ms) {
  LaneMember::Place& place = member.place_;
  if (place.is_paused) {
    return false;
  }
  const bool is_late = now_ms - unheard_since_ms(member, now_ms) >= kLateMs;
  place.slot = asked_.size();
  place.is_news = false;
  const StreamId from = member.position();
  asked_.push_back({&member, from, is_late || place.is_owed_ring});
  place.is_owed_ring = false;
  command_.add(member.key(), from);
  return true;
}

void Lane::arm(std::uint64_t now_ms) {
  assert(is_armable());
  asked_.clear();
  command_.clear();
  has_news_ = false;
  std::size_t largest_bytes = 1;
  for (LaneMember* member = members_.front(); member != nullptr; member = members_.after(*member)) {
    if (ask(*member, now_ms)) {
      largest_bytes = std::max(largest_bytes, member->largest_entry_bytes());
    }
  }
  if (asked_.empty()) {
    arm_at_ms_ = kNever;  // until somebody is added
    return;
  }
  if (!has_id()) {
    ask_id(now_ms);
  }
  count_ = std::clamp<std::size_t>(kReplyBytes / largest_bytes, 1, kLaneEntries);
  Request request = {RequestKind::lane};
  request.block_ms = block_ms();
  session_.request(request, command_.arguments(count_, request.block_ms), now_ms);
  state_ = State::waiting;
  armed_ms_ = now_ms;
  interrupt_at_ms_ = now_ms + gap_ms();
  is_interrupting_ = false;
  ++wait_;
  for (std::size_t i = 0; i < asked_.size(); ++i) {
    if (asked_[i].member != nullptr && asked_[i].is_owed_ring) {
      asked_[i].member->lane_rang(now_ms);
    }
  }
}

std::uint64_t Lane::block_ms() {
  const bool is_short = !is_interruptible() && size_ <= kShortBlockMembers;
  const std::uint64_t usual_ms = is_short ? kShortBlockMs : kBlockMs;
  return usual_ms - usual_ms / 10 + owner_.random() % (usual_ms / 5);
}

std::uint64_t Lane::gap_ms() const { return kLeastGapMs + asked_.size() / kMembersPerGapMs; }

void Lane::ask_id(std::uint64_t now_ms) {
  client_id_ = 0;
  id_epoch_ = unblocker_.epoch();
  is_id_asked_ = true;
  session_.request({RequestKind::lane_id}, {"HELLO", "2"}, now_ms);
}

void Lane::on_id(ReplyView reply) {
  is_id_asked_ = false;
  for (std::size_t i = 0; reply.is_array() && i + 1 < reply.size(); i += 2) {
    if (reply.at(i).text() == "id") {
      client_id_ = reply.at(i + 1).integer();
    }
  }
  owner_.on_lane_due();
}

void Lane::on_reply(const Request& request, ReplyView reply, std::uint64_t now_ms) {
  if (state_ == State::unusable) {
    return;
  }
  if (request.kind == RequestKind::lane_id) {
    on_id(reply);
  } else if (request.kind == RequestKind::lane_probe) {
    on_probed(reply, now_ms);
  } else {
    on_read(reply, now_ms);
  }
}

void Lane::on_read(ReplyView reply, std::uint64_t now_ms) {
  unarmed_since_ms_ = now_ms;
  if (reply.is_error()) {
    on_error(reply.text(), now_ms);
  } else if (!redis::is_xread_reply(reply, asked_.size())) {
    state_ = State::unusable;
    error_ = "the server answered XREAD with what is not a list of streams";
    owner_.on_lane_due();
  } else {
    failures_ = 0;
    rest(0, now_ms);
    deliver_all(reply, now_ms);
  }
}

void Lane::deliver_all(ReplyView reply, std::uint64_t now_ms) {
  std::size_t next = 0;  // Redis answers in the order of the question
  for (const ReplyView stream : reply) {
    const std::string_view key = stream.at(0).text();
    const auto found = std::find_if(asked_.begin() + static_cast<std::ptrdiff_t>(next), asked_.end(),
                                    [key](const Asked& asked) { return asked.member != nullptr && asked.member->key() == key; });
    if (found != asked_.end()) {
      next = static_cast<std::size_t>(found - asked_.begin()) + 1;
      deliver(*found, stream.at(1), now_ms);
    }
  }
}

void Lane::deliver(Asked& asked, ReplyView entries, std::uint64_t now_ms) {
  LaneMember& member = *asked.member;
  // Before the call, in which the member may be added again.
  member.place_.is_paused = true;
  const bool listens_on = member.lane_read(asked.from, entries, entries.size() < count_, now_ms);
  if (asked.member != &member) {
    return;  // has left, and may be no more
  }
  member.place_.is_paused = !listens_on && member.place_.is_paused;
  if (member.place_.is_paused) {
    arm_at_ms_ = std::max(arm_at_ms_, now_ms + kBellPauseMs);
  }
  owner_.on_woken(*this, member, now_ms);
}

void Lane::on_error(std::string_view error, std::uint64_t now_ms) {
  error_ = error;
  if (redis::is_passing_error(error)) {
    owner_.on_lane_error(error_, now_ms);
    rest_after_failure(now_ms);
  } else {
    probe(now_ms);
  }
}

// Each member alone, from the newest entry on: shows a wrong type and a missing permission, and costs the least.
void Lane::probe(std::uint64_t now_ms) {
  state_ = State::probing;
  probed_ = 0;
  is_cause_found_ = false;
  asked_.erase(std::remove_if(asked_.begin(), asked_.end(), [](const Asked& asked) { return asked.member == nullptr; }), asked_.end());
  for (std::size_t i = 0; i < asked_.size(); ++i) {
    LaneMember& member = *asked_[i].member;
    member.place_.slot = i;
    session_.request({RequestKind::lane_probe}, {"XREAD", "COUNT", "1", "STREAMS", member.key(), "$"}, now_ms);
  }
  if (asked_.empty()) {
    rest(0, now_ms);
  }
}

void Lane::on_probed(ReplyView reply, std::uint64_t now_ms) {
  LaneMember* member = asked_[probed_].member;
  ++probed_;
  if (reply.is_error() && !redis::is_passing_error(reply.text()) && member != nullptr) {
    is_cause_found_ = true;
    remove(*member, now_ms);
    member->lane_refused(reply.text(), now_ms);
  }
  if (probed_ < asked_.size()) {
    return;
  }
  if (is_cause_found_) {
    rest(0, now_ms);
  } else {
    owner_.on_lane_error(error_, now_ms);
    rest_after_failure(now_ms);
  }
}

void Lane::rest(std::uint64_t pause_ms, std::uint64_t now_ms) {
  state_ = State::idle;
  arm_at_ms_ = std::max(now_ms + pause_ms, armed_ms_ + gap_ms());
  owner_.on_lane_due();
}

void Lane::rest_after_failure(std::uint64_t now_ms) {
  owe_rings();
  rest(kFirstPauseMs << std::min(failures_, kMostPauseDoublings), now_ms);
  ++failures_;
}

}  // namespace sse
