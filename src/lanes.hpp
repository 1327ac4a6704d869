// Tells streams of one Redis server of their new entries where keyspace notifications do not: which stream waits on which connection.
//
// Cold lanes hold many streams, and each reply of theirs costs the server for all of them; a stream that woke one moves to a small hot
// lane, and comes back when it was quiet for a while. What moves is listened to by its old lane no more, and by its new one from the
// same position on: nothing is lost in between.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string_view>
#include <vector>

#include "lane.hpp"
#include "logger.hpp"
#include "refusal_log.hpp"

namespace sse {

struct LanesOptions {
  LaneOptions lane;
  std::size_t cold_members = 256;  // most of one lane
  std::size_t hot_members = 16;
  std::size_t max_hot_lanes = 32;
  std::uint32_t seed = 0;  // of the jitter
};

class Lanes final : private LaneOwner {
 public:
  // `command`: the session of the command connection to the same server. Host, logger and command session must outlive the lanes.
  Lanes(LaneHost& host, Logger& logger, redis::Session& command, const LanesOptions& options);
  Lanes(const Lanes&) = delete;
  Lanes& operator=(const Lanes&) = delete;

  // Listens for entries after the member's position. For one that is in already: listens again, from where it is now.
  void add(LaneMember& member, std::uint64_t now_ms);
  // Forgets the member, whatever is under way for it. May be called for one that is not in.
  void remove(LaneMember& member, std::uint64_t now_ms);

  // Arms lanes and closes them. To be called when it is due, but not from a callback of a member.
  void tick(std::uint64_t now_ms);
  // When tick() has something to do; Lane::kNever: nothing before the next event.
  std::uint64_t next_due_ms() const;

  // Gives up connections that do not answer. To be called several times in the answer timeout.
  void check_timeouts();

  // All members leave, all connections close.
  void close();

  // The command connection is lost, or another one to this server that is not a lane's; its session was told.
  void command_lost() { unblocker_.command_lost(); }
  void connection_lost() { unblocker_.connection_lost(); }

  // For all that reads these streams: what it is refused, its lanes are too.
  RefusalLog& refusals() { return refusals_; }

  std::size_t lane_count(Lane::Kind kind) const;
  std::size_t member_count() const { return member_count_; }

  // Calls `visit(const Lane&)` for each.
  template <class Visitor>
  void for_each_lane(Visitor visit) const {
    for (const std::unique_ptr<Lane>& lane : lanes_) {
      visit(*lane);
    }
  }

 private:
  void on_woken(Lane& lane, LaneMember& member, std::uint64_t now_ms) override;
  void on_left() override { --member_count_; }
  void on_lane_error(std::string_view error, std::uint64_t now_ms) override;
  void on_lane_lost() override;
  void on_lane_due() override { host_.on_due(); }
  std::uint32_t random() override { return static_cast<std::uint32_t>(random_()); }

  std::size_t limit(Lane::Kind kind) const { return kind == Lane::Kind::cold ? options_.cold_members : options_.hot_members; }
  bool has_room(const Lane& lane) const { return lane.size() < limit(lane.kind()); }
  bool may_open(Lane::Kind kind) const;
  // Where a stream is listened to soonest and for the least. Null: all are full.
  Lane* find_room(Lane::Kind kind) const;
  // The same, or a new lane.
  Lane& choose_cold(std::uint64_t now_ms);
  Lane& open(Lane::Kind kind, std::uint64_t now_ms);
  void fill(Lane& lane, std::uint64_t now_ms);
  void take_quiet(Lane& lane, std::uint64_t now_ms);
  void merge(Lane& lane, std::uint64_t now_ms);
  void exchange(Lane& cold, LaneMember& woken, std::uint64_t now_ms);
  void rehome_news(Lane& lane, std::uint64_t now_ms);

  LaneHost& host_;
  const LanesOptions options_;
  Unblocker unblocker_;
  std::minstd_rand random_;
  RefusalLog refusals_;
  std::size_t member_count_ = 0;
  std::vector<std::unique_ptr<Lane>> lanes_;
};

}  // namespace sse
