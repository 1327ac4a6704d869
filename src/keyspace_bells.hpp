// Tells streams of one Redis server that something happened to them: by keyspace notifications where the server sends them, else by
// lanes.
//
// Whether it sends them is seen, not asked for: as long as they are not known to be on, a few streams that wait in lanes subscribe to
// their notifications as well. When a lane and a notification tell of an entry of the same stream, they are on, and streams leave their
// lanes. When a stream is then read for another reason, and has entries that no bell told of, they are off, and all go back.
//
// Invariant: who relies on its bell is subscribed, or will read once when it is; it has read since it began to rely on it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "bell_member.hpp"
#include "lanes.hpp"
#include "logger.hpp"
#include "secret_hash.hpp"
#include "subscription_user.hpp"

namespace sse {

struct ByNews;
struct BySuspicion;

// One stream's subscription to its notifications.
struct KeyspaceBell : ListNode<ByNews>, ListNode<BySuspicion> {
  std::string key;
  BellMember* member = nullptr;  // null: gone; the bell lives until its last answer
  std::uint32_t in_flight = 0;   // commands without an answer
  bool is_wanted = false;        // the last command that was sent is SUBSCRIBE
  bool is_confirmed = false;     // and it was answered well

  bool has_rung = false;         // since entries were read last
  StreamId position;             // when they were
  std::uint64_t rung_ms = 0;     // the last time; 0: never
  std::uint64_t added_ms = 0;    // the last time that it told of an entry; 0: never
  std::uint64_t told_ms = 0;     // a lane told of entries, the last time; 0: never
  std::uint64_t suspect_ms = 0;  // entries were read that it had not told of
};

class KeyspaceBells final : public SubscriptionUser, private redis::ReplyHandler {
 public:
  // Lanes and logger must outlive this. Without a subscription connection all is left to the lanes.
  KeyspaceBells(Lanes& lanes, Logger& logger, const HashSecret& hash_secret);
  KeyspaceBells(const KeyspaceBells&) = delete;
  KeyspaceBells& operator=(const KeyspaceBells&) = delete;

  // The member has read everything up to its position, and wants to be told of what comes after it.
  void listen(BellMember& member, std::uint64_t now_ms);
  // It cannot be read for a while: it is told of nothing until it listens again.
  void pause(BellMember& member, std::uint64_t now_ms);
  // It goes away. May be called for one that never listened.
  void remove(BellMember& member, std::uint64_t now_ms);
  // A lane told the member of entries.
  void on_lane_told(BellMember& member, std::uint64_t now_ms);

  // To be called about twice a second, not from a callback of a member.
  void tick(std::uint64_t now_ms);

  // Nobody is told of anything any more; the lanes close by themselves.
  void stop();

  bool is_on() const { return is_on_; }
  std::size_t bell_count() const { return bells_.size(); }

  void subscriptions_ready(SubscriptionOwner& owner, std::uint64_t now_ms) override;
  void subscriptions_lost(std::uint64_t now_ms) override;
  void on_message(std::string_view channel, std::string_view payload, std::uint64_t now_ms) override;
  bool is_subscribed(std::string_view channel) const override;

 private:
  using Ear = BellMember::Ear;

  void on_reply(const redis::Request& request, redis::ReplyView reply, std::uint64_t now_ms) override;
  void on_refused(KeyspaceBell& bell, std::uint64_t now_ms);

  // Null when the channel is not of a stream that is listened to here.
  KeyspaceBell* find(std::string_view channel) const;
  void forget_subscriptions();
  void subscribe(BellMember& member, std::uint64_t now_ms);
  void unsubscribe(KeyspaceBell& bell, std::uint64_t now_ms);
  void erase_if_idle(KeyspaceBell& bell);

  void enter_lane(BellMember& member, std::uint64_t now_ms);
  void rely_on_bell(BellMember& member, std::uint64_t now_ms);
  void note_position(BellMember& member, std::uint64_t now_ms);

  bool may_try(std::uint64_t now_ms) const;
  void fill_sample(std::uint64_t now_ms);
  void leave_lanes(std::uint64_t now_ms);
  void turn_on(std::uint64_t now_ms);
  void turn_off(std::uint64_t now_ms);

  Lanes& lanes_;
  Logger& logger_;
  SubscriptionOwner* owner_ = nullptr;                                                // null: no connection
  std::string prefix_;                                                                // of the channels
  std::unordered_map<std::string, std::unique_ptr<KeyspaceBell>, SecretHash> bells_;  // by key
  std::size_t wanted_ = 0;                                                            // of them
  List<BellMember, ByEar> in_lanes_;
  List<BellMember, ByEar> refused_;  // in lanes too
  List<BellMember, ByEar> by_bell_;
  List<KeyspaceBell, ByNews> by_news_;        // wanted, the longest without news of a lane in front
  List<KeyspaceBell, BySuspicion> suspects_;  // the oldest suspicion in front
  bool is_on_ = false;
  bool is_permitted_ = false;   // the server took a subscription
  std::uint64_t retry_ms_ = 0;  // refused: not to be tried again before
  std::uint64_t probe_ms_ = 0;  // turned off: not to be turned on again before
};

}  // namespace sse
