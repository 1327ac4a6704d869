// One durable channel, which is a Redis stream: who reads it here, from where, and through which log.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bell_member.hpp"
#include "channel_log.hpp"
#include "fork.hpp"
#include "frame.hpp"
#include "stream_reader.hpp"
#include "stream_replay.hpp"
#include "stream_start.hpp"
#include "topic.hpp"

namespace sse {

class StreamTopic;

struct ByCheck;  // tags of the source's lists
struct ByProof;

// What all durable channels of a broker share.
class StreamHost {
 public:
  virtual QueryPace& pace() = 0;
  virtual const StreamPages& pages() const = 0;
  virtual ReplicationWatch& replication() = 0;
  // To be told of new entries; again after it answered a call with false.
  virtual void listen(StreamTopic& topic, std::uint64_t now_ms) = 0;
  // A lane told the topic of entries.
  virtual void on_lane_told(StreamTopic& topic, std::uint64_t now_ms) = 0;
  // The topic took what a lane told as it is: it is to be told to prove it, if it has not by itself within a second.
  virtual void on_taken(StreamTopic& topic, std::uint64_t now_ms) = 0;
  // Redis refused something: it is said in the log, and the topic is told to go on after a while.
  virtual void on_refused(StreamTopic& topic, std::string_view error, std::uint64_t now_ms) = 0;
  // An entry was left out.
  virtual void on_too_large(const StreamTopic& topic, const StreamEntry& entry, std::uint64_t now_ms) = 0;

 protected:
  ~StreamHost() = default;
};

class StreamTopic final : public Topic,
                          public ListNode<ByCheck>,
                          public ListNode<ByProof>,
                          public BellMember,
                          private StreamReaderOwner,
                          private StreamReplayOwner,
                          private StreamStartOwner,
                          private LogFollower {
 public:
  // Hub and host must outlive the topic.
  StreamTopic(Hub& hub, StreamHost& host, std::string_view name);
  ~StreamTopic() override;

  void add(Subscription& subscription, std::uint64_t now_ms);
  void remove(Subscription& subscription) override;
  bool is_ready_for(const Subscription& subscription) const override;
  void attach(Subscription& subscription, const ReadOptions& reading, Framing framing, std::uint64_t now_ms) override;
  void park(Subscription& subscription, std::uint64_t now_ms) override;
  void resume(Subscription& subscription, std::uint64_t now_ms) override;

  // Something may be new, or gone: asks. What was read for who came back is forgotten.
  void check(std::uint64_t now_ms);
  // Finds out whether what lanes told was of the same history.
  void prove(std::uint64_t now_ms) { reader_.read(now_ms, Urgency::idle); }
  // The command connection is up again, or broke.
  void connected(std::uint64_t now_ms);
  void connection_lost();
  // Answers are under way to it: it must live until they have come or the connection is lost.
  bool is_awaited() const { return reader_.is_awaited() || replay_.is_awaited() || starts_.is_awaited(); }

  const std::string& key() const override { return name(); }
  StreamId position() const override { return reader_.position(); }
  std::size_t largest_entry_bytes() const override { return reader_.largest_entry_bytes(); }
  bool lane_read(StreamId from, redis::ReplyView entries, bool is_whole, std::uint64_t now_ms) override;
  void lane_rang(std::uint64_t now_ms) override { check_anew(Urgency::idle, now_ms); }
  void bell_rang(std::uint64_t now_ms) override { check_anew(Urgency::prompt, now_ms); }
  void lane_refused(std::string_view error, std::uint64_t now_ms) override { host_.on_refused(*this, error, now_ms); }

  // Kept by the source.
  std::uint64_t unused_since_ms = 0;
  std::uint64_t retry_ms = 0;
  std::uint64_t checked_ms = 0;
  std::uint64_t taken_ms = 0;

 private:
  // The same entries, in one encoding: as they come, and as they are read again.
  struct LogPair {
    LogPair(std::string_view channel, const Encoding& encoding, Hub& hub)
        : live(channel, encoding, hub.log_observer(), hub.memory(), Retention::newest),
          replay(channel, encoding, hub.log_observer(), hub.memory(), Retention::newest) {}
    ChannelLog live;
    ChannelLog replay;
  };

  // StreamReaderOwner
  void on_located(std::uint64_t now_ms) override;
  void on_entry(const StreamEntry& entry, std::uint64_t hash, std::uint64_t now_ms) override;
  void on_caught_up(std::uint64_t now_ms) override;
  void on_broken(Continuity reason, const StreamFacts& facts, std::optional<StreamId> fork, std::uint64_t now_ms) override;
  void on_refused(std::string_view error, std::uint64_t now_ms) override;
  bool is_history_trusted(std::uint64_t now_ms) override { return host_.replication().is_trusted(doubt_, now_ms); }
  std::optional<std::uint64_t> given_hash(StreamId id) const override;
  StreamId oldest_given() const override;

  // StreamReplayOwner
  bool is_live_known(std::uint64_t now_ms) override;
  void doubt_live(std::uint64_t now_ms) override;
  bool serve_all_from_window(std::uint64_t now_ms) override;
  bool serve_from_window(Subscription& subscription, std::uint64_t now_ms) override;
  void begin_replay(StreamId position) override;
  std::size_t most_to_replay() const override;
  List<Subscription>& parked() override { return parked_; }
  bool can_read(const Subscription& subscription) const override;
  StreamId live_position() const override { return reader_.position(); }
  const EntrySize& entry_size() const override { return reader_.entry_size(); }
  void join(Subscription& subscription) override;
  void replay(const StreamEntry& entry, std::uint64_t now_ms) override;
  StreamId position_after_reset(StreamId position, Continuity reason, const StreamFacts& facts) const override;
  void reset(Subscription& subscription, Continuity reason, const StreamFacts& facts, std::uint64_t now_ms) override;
  void reset_joined(Continuity reason, const StreamFacts& facts, StreamId position, std::uint64_t now_ms) override;
  Joined settle(StreamId position, std::uint64_t now_ms) override;
  void park_joined(std::uint64_t now_ms) override;

  // StreamStartOwner
  StreamId end_position() const override { return reader_.position(); }
  void on_start(Start start, std::size_t count, StreamId position, std::uint64_t now_ms) override;

  void round_ended(ChannelLog& log, std::uint64_t now_ms) override;

  // What was read may be not all, or not true.
  void check_anew(Urgency urgency, std::uint64_t now_ms);
  bool is_start_known(const Subscription& subscription) const;
  LogPair& logs_of(const Subscription& subscription);
  LogPair& logs_for(const ReadOptions& reading, Framing framing, bool has_own_ids);
  // Asks where it begins, if that is not known and not where the stream ends.
  void find_start(const Subscription& subscription, std::uint64_t now_ms);
  // Its position is known, or it begins with what comes from now on.
  void place(Subscription& subscription, std::uint64_t now_ms);
  std::optional<LogPlace> live_place(const Subscription& subscription, StreamId position);
  bool go_live(Subscription& subscription, std::uint64_t now_ms);
  void cut_short(Subscription& subscription, std::uint64_t now_ms);
  void join(Subscription& subscription, const LogPlace& place);
  void give(ChannelLog& log, const StreamEntry& entry, std::uint64_t hash, std::uint64_t now_ms);
  void give_reset(ChannelLog& log, const DurableReset& reset, const EntryMark& mark, std::uint64_t now_ms);
  void give_block(ChannelLog& log, const std::string& block, const EntryMark& mark, std::uint64_t now_ms);
  void tell_reset(Subscription& subscription, const DurableReset& reset, std::uint64_t now_ms);
  bool is_anybody_behind() const;
  bool is_too_far(const Subscription& subscription, std::uint64_t more) const;
  bool is_known_live(StreamId id, std::uint64_t hash) const;
  void find_starts_anew(std::uint64_t now_ms);
  Fork fork_at(StreamId position) const;
  void reset_to(StreamId position, Subscription& subscription, Continuity reason, const StreamFacts& facts, std::uint64_t now_ms);
  void take_back_replayed(Continuity reason, const StreamFacts& facts, std::uint64_t now_ms);
  void take_back(ChannelLog& log, Continuity reason, const StreamFacts& facts, std::uint64_t now_ms);
  bool leave_replay(Subscription& subscription, StreamId position, std::uint64_t now_ms);
  void count_reset(Continuity reason, std::size_t count);

  StreamHost& host_;
  ReplicaDoubt doubt_;
  bool is_caught_up_ = false;  // the answer that says so is being looked at
  std::uint64_t reads_since_ms_ = 0;
  std::uint32_t reads_ = 0;  // since then, because a lane told of something
  StreamReader reader_;
  StreamReplay replay_;
  StreamStarts starts_;
  std::vector<std::unique_ptr<LogPair>> logs_;  // one for each encoding in use: rarely more than two
  StreamId replayed_;                           // where the replay logs stand
  StreamId proven_replayed_;                    // up to here, their entries are of the history that live reading knows
  std::optional<Fork> fork_;                    // the last one, if it is known where it was
  List<Subscription> placeless_;                // open, but what they wait for is not known
  List<Subscription> parked_;
};

}  // namespace sse
