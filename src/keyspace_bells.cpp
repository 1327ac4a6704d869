#include "keyspace_bells.hpp"

#include <utility>

namespace sse {

using redis::ReplyView;
using redis::Request;
using redis::RequestKind;

namespace {

// What a lane and a bell tell within this time is the same.
constexpr std::uint64_t kTogetherMs = 1000;
// Entries may be read so long before their bell comes, or after one that told of earlier ones: it takes another way.
constexpr std::uint64_t kLateMs = 2000;
// What a bell told of is read so long after it at the latest.
constexpr std::uint64_t kReadMs = 10'000;
// Subscribed to find out whether bells ring: a server without them pays for no more.
constexpr std::size_t kSample = 64;
// One that had no news for so long makes room for one that has.
constexpr std::uint64_t kSampleQuietMs = 10'000;
// They read once when they leave: not all at the same time.
constexpr std::size_t kLeavePerTick = 512;
constexpr std::uint64_t kRefusedRetryMs = 60'000;
constexpr std::uint64_t kProbeAgainMs = 60'000;

bool is_within(std::uint64_t since_ms, std::uint64_t now_ms, std::uint64_t most_ms) {
  return since_ms != 0 && now_ms - since_ms <= most_ms;
}

}  // namespace

KeyspaceBells::KeyspaceBells(Lanes& lanes, Logger& logger, const HashSecret& hash_secret)
    : lanes_(lanes), logger_(logger), bells_(0, SecretHash(hash_secret)) {}

// Members

void KeyspaceBells::listen(BellMember& member, std::uint64_t now_ms) {
  switch (member.ear_) {
    case Ear::bell:
      note_position(member, now_ms);
      return;
    case Ear::none:
      if (is_on_) {
        rely_on_bell(member, now_ms);
      } else {
        enter_lane(member, now_ms);
      }
      return;
    default:
      lanes_.add(member, now_ms);
  }
}

void KeyspaceBells::pause(BellMember& member, std::uint64_t now_ms) {
  lanes_.remove(member, now_ms);
  static_cast<ListNode<ByEar>&>(member).unlink();
  member.ear_ = Ear::none;
  if (member.bell_ != nullptr) {
    static_cast<ListNode<BySuspicion>&>(*member.bell_).unlink();
  }
}

void KeyspaceBells::remove(BellMember& member, std::uint64_t now_ms) {
  pause(member, now_ms);
  if (KeyspaceBell* bell = member.bell_) {
    member.bell_ = nullptr;
    bell->member = nullptr;
    unsubscribe(*bell, now_ms);
  }
}

void KeyspaceBells::enter_lane(BellMember& member, std::uint64_t now_ms) {
  member.ear_ = Ear::lane;
  in_lanes_.push_back(member);
  lanes_.add(member, now_ms);
}

// It is deaf until its subscription is confirmed, and reads then.
void KeyspaceBells::rely_on_bell(BellMember& member, std::uint64_t now_ms) {
  lanes_.remove(member, now_ms);
  member.ear_ = Ear::bell;
  by_bell_.push_back(member);
  if (member.bell_ == nullptr || !member.bell_->is_wanted) {
    subscribe(member, now_ms);
  }
  KeyspaceBell& bell = *member.bell_;
  bell.position = member.position();
  if (bell.is_confirmed) {
    bell.has_rung = true;  // for what that read finds
    bell.rung_ms = now_ms;
    member.lane_rang(now_ms);
  }
}

// Did its bell tell of what was read?
void KeyspaceBells::note_position(BellMember& member, std::uint64_t now_ms) {
  KeyspaceBell& bell = *member.bell_;
  const StreamId position = member.position();
  if (position == bell.position) {
    return;
  }
  const bool has_entries = position > bell.position;
  const bool is_told = is_within(bell.rung_ms, now_ms, bell.has_rung ? kReadMs : kLateMs);
  bell.position = position;
  bell.has_rung = false;
  if (has_entries && !is_told && bell.is_confirmed && !static_cast<ListNode<BySuspicion>&>(bell).is_linked()) {
    bell.suspect_ms = now_ms;
    suspects_.push_back(bell);
  }
}

void KeyspaceBells::on_lane_told(BellMember& member, std::uint64_t now_ms) {
  if (is_on_ || owner_ == nullptr) {
    return;
  }
  if (member.bell_ == nullptr && now_ms >= retry_ms_) {
    KeyspaceBell* quietest = by_news_.front();
    const bool is_full = is_permitted_ && wanted_ >= kSample;
    if (is_full && !is_within(quietest->told_ms, now_ms, kSampleQuietMs)) {
      unsubscribe(*quietest, now_ms);
    }
    if (may_try(now_ms)) {
      subscribe(member, now_ms);
    }
  }
  KeyspaceBell* bell = member.bell_;
  if (bell == nullptr || !bell->is_wanted) {
    return;
  }
  bell->told_ms = now_ms;
  by_news_.push_back(*bell);
  if (is_within(bell->added_ms, now_ms, kTogetherMs)) {
    turn_on(now_ms);
  }
}

// On and off

void KeyspaceBells::turn_on(std::uint64_t now_ms) {
  if (is_on_ || now_ms < probe_ms_) {
    return;
  }
  is_on_ = true;
  logger_.log(LogLevel::notice, "keyspace notifications are on: streams are listened to by them");
}

void KeyspaceBells::turn_off(std::uint64_t now_ms) {
  is_on_ = false;
  probe_ms_ = now_ms + kProbeAgainMs;
  logger_.log(LogLevel::notice, "keyspace notifications are off: streams are listened to by lanes");
  suspects_.clear();
  while (BellMember* member = by_bell_.front()) {
    enter_lane(*member, now_ms);
  }
}

bool KeyspaceBells::may_try(std::uint64_t now_ms) const { return now_ms >= retry_ms_ && wanted_ < (is_permitted_ ? kSample : 1); }

void KeyspaceBells::fill_sample(std::uint64_t now_ms) {
  if (in_lanes_.empty() && may_try(now_ms)) {
    in_lanes_.splice_back(refused_);
  }
  for (std::size_t left = kSample; left > 0 && may_try(now_ms); --left) {
    BellMember* member = in_lanes_.front();
    if (member == nullptr) {
      return;
    }
    in_lanes_.push_back(*member);
    if (member->bell_ == nullptr || !member->bell_->is_wanted) {
      subscribe(*member, now_ms);
    }
  }
}

void KeyspaceBells::leave_lanes(std::uint64_t now_ms) {
  for (std::size_t left = kLeavePerTick; left > 0; --left) {
    BellMember* member = in_lanes_.front();
    if (member == nullptr) {
      break;
    }
    rely_on_bell(*member, now_ms);
  }
  if (!refused_.empty() && now_ms >= retry_ms_) {
    in_lanes_.push_back(*refused_.front());
    retry_ms_ = now_ms + kRefusedRetryMs;
  }
}

void KeyspaceBells::tick(std::uint64_t now_ms) {
  if (owner_ == nullptr) {
    return;
  }
  const KeyspaceBell* oldest = suspects_.front();
  if (oldest != nullptr && now_ms - oldest->suspect_ms >= kLateMs) {
    turn_off(now_ms);
  }
  if (is_on_) {
    leave_lanes(now_ms);
  } else {
    fill_sample(now_ms);
  }
}

// Subscriptions

void KeyspaceBells::subscriptions_ready(SubscriptionOwner& owner, std::uint64_t) {
  owner_ = &owner;
  prefix_ = "__keyspace@" + std::to_string(owner.subscription_session().db()) + "__:";
}

void KeyspaceBells::subscriptions_lost(std::uint64_t now_ms) {
  forget_subscriptions();
  in_lanes_.splice_back(refused_);
  while (BellMember* member = by_bell_.front()) {
    enter_lane(*member, now_ms);
  }
}

void KeyspaceBells::stop() {
  forget_subscriptions();
  for (List<BellMember, ByEar>* all : {&in_lanes_, &refused_, &by_bell_}) {
    while (BellMember* member = all->pop_front()) {
      member->ear_ = Ear::none;
    }
  }
}

void KeyspaceBells::forget_subscriptions() {
  owner_ = nullptr;
  is_on_ = false;
  is_permitted_ = false;
  retry_ms_ = 0;
  probe_ms_ = 0;
  wanted_ = 0;
  for (auto& [key, bell] : bells_) {
    if (bell->member != nullptr) {
      bell->member->bell_ = nullptr;
    }
  }
  bells_.clear();
}

KeyspaceBell* KeyspaceBells::find(std::string_view channel) const {
  if (prefix_.empty() || channel.substr(0, prefix_.size()) != prefix_) {
    return nullptr;
  }
  const auto found = bells_.find(std::string(channel.substr(prefix_.size())));
  return found == bells_.end() ? nullptr : found->second.get();
}

bool KeyspaceBells::is_subscribed(std::string_view channel) const {
  const KeyspaceBell* bell = find(channel);
  return bell != nullptr && bell->is_wanted;
}

void KeyspaceBells::subscribe(BellMember& member, std::uint64_t now_ms) {
  std::unique_ptr<KeyspaceBell>& bell = bells_[member.key()];
  if (bell == nullptr) {
    bell = std::make_unique<KeyspaceBell>();
    bell->key = member.key();
  }
  bell->member = &member;
  member.bell_ = bell.get();
  bell->is_wanted = true;
  ++bell->in_flight;
  ++wanted_;
  by_news_.push_back(*bell);
  owner_->subscription_session().request({RequestKind::subscribe, bell.get(), this}, {"SUBSCRIBE", prefix_ + bell->key}, now_ms);
}

void KeyspaceBells::unsubscribe(KeyspaceBell& bell, std::uint64_t now_ms) {
  if (bell.is_wanted) {
    bell.is_wanted = false;
    bell.is_confirmed = false;
    --wanted_;
    static_cast<ListNode<ByNews>&>(bell).unlink();
    const std::string channel = prefix_ + bell.key;
    if (!owner_->is_channel_wanted(channel)) {
      ++bell.in_flight;
      owner_->subscription_session().request({RequestKind::unsubscribe, &bell, this}, {"UNSUBSCRIBE", channel}, now_ms);
    }
  }
  erase_if_idle(bell);
}

void KeyspaceBells::erase_if_idle(KeyspaceBell& bell) {
  if (bell.in_flight == 0 && !bell.is_wanted) {
    if (bell.member != nullptr) {
      bell.member->bell_ = nullptr;
    }
    bells_.erase(std::string(bell.key));
  }
}

void KeyspaceBells::on_reply(const Request& request, ReplyView reply, std::uint64_t now_ms) {
  KeyspaceBell& bell = *static_cast<KeyspaceBell*>(request.context);
  --bell.in_flight;
  if (bell.in_flight != 0 || !bell.is_wanted) {
    erase_if_idle(bell);  // else a later command decides
    return;
  }
  if (reply.is_error()) {
    on_refused(bell, now_ms);
    return;
  }
  bell.is_confirmed = true;
  const bool is_news = std::exchange(bell.member->was_refused_, false) || !is_permitted_;
  is_permitted_ = true;
  if (is_news) {
    in_lanes_.splice_back(refused_);  // permissions have changed
  }
  if (bell.member->ear_ == Ear::bell) {
    rely_on_bell(*bell.member, now_ms);
  }
}

void KeyspaceBells::on_refused(KeyspaceBell& bell, std::uint64_t now_ms) {
  BellMember& member = *bell.member;
  bell.is_wanted = false;
  --wanted_;
  static_cast<ListNode<ByNews>&>(bell).unlink();
  retry_ms_ = now_ms + kRefusedRetryMs;
  member.was_refused_ = true;
  if (member.ear_ == Ear::bell) {
    enter_lane(member, now_ms);
  }
  if (member.ear_ == Ear::lane) {
    refused_.push_back(member);
  }
  erase_if_idle(bell);
}

void KeyspaceBells::on_message(std::string_view channel, std::string_view payload, std::uint64_t now_ms) {
  KeyspaceBell* bell = find(channel);
  if (bell == nullptr || bell->member == nullptr || !bell->is_wanted) {
    return;
  }
  BellMember& member = *bell->member;
  bell->has_rung = true;
  bell->rung_ms = now_ms;
  static_cast<ListNode<BySuspicion>&>(*bell).unlink();
  if (payload == "xadd") {
    bell->added_ms = now_ms;
    if (is_within(bell->told_ms, now_ms, kTogetherMs)) {
      turn_on(now_ms);
    }
  }
  // What was trimmed is missed by nobody who was told of it before.
  if (member.ear_ == Ear::bell && payload != "xtrim") {
    member.bell_rang(now_ms);
  }
}

}  // namespace sse
