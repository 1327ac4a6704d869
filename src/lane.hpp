// One connection that waits for new entries of many streams by XREAD BLOCK.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lane_connection.hpp"
#include "lane_member.hpp"
#include "list.hpp"
#include "redis_session.hpp"
#include "unblocker.hpp"
#include "xread.hpp"

namespace sse {

struct LaneOptions {
  redis::Login login;
  redis::ReplyLimits reply_limits;
  std::uint64_t answer_timeout_ms = 0;
};

class LaneOwner {
 public:
  // The member had entries; its lane is not armed.
  virtual void on_woken(Lane& lane, LaneMember& member, std::uint64_t now_ms) = 0;
  // A member is in no lane any more.
  virtual void on_left() = 0;
  // Redis refused what the lane asked, and none of its members is the cause.
  virtual void on_lane_error(std::string_view error, std::uint64_t now_ms) = 0;
  virtual void on_lane_lost() = 0;
  // Lane::due_ms() may be sooner than it was.
  virtual void on_lane_due() = 0;
  virtual std::uint32_t random() = 0;

 protected:
  ~LaneOwner() = default;
};

class Lane final : private redis::SessionObserver, private LaneConnectionOwner, private Unblockable {
 public:
  enum class Kind : std::uint8_t { cold, hot };
  enum class State : std::uint8_t {
    away,      // not connected
    idle,      // to be armed when it is due
    waiting,   // XREAD is under way
    probing,   // which of the members is the cause of an error?
    unusable,  // the server is not to be understood: to be connected anew
  };

  static constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

  // Connects at once. All but the options must outlive the lane.
  Lane(Kind kind, LaneOwner& owner, LaneHost& host, Unblocker& unblocker, const LaneOptions& options, std::uint64_t now_ms);
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;
  ~Lane();

  static Lane* of(const LaneMember& member) { return member.place_.lane; }

  Kind kind() const { return kind_; }
  State state() const { return state_; }
  std::size_t size() const { return size_; }
  LaneMember* front() const { return members_.front(); }  // of a hot lane: the longest quiet one
  static std::uint64_t woken_ms(const LaneMember& member) { return member.place_.woken_ms; }

  // The member is in this lane from now on, and in no other. If it is here already: it listens again, from another position.
  void add(LaneMember& member, std::uint64_t now_ms);
  // Brings a member of another lane here, as it is.
  void take(LaneMember& member, std::uint64_t now_ms);
  // The member is in no lane any more. What is under way for it is ignored.
  void remove(LaneMember& member, std::uint64_t now_ms);
  // The member had entries just now: it becomes the least quiet one.
  void touch(LaneMember& member, std::uint64_t now_ms);

  // When the lane wants arm(), interrupt(), reconnect() or, empty, its end.
  std::uint64_t due_ms() const;
  bool is_armable() const { return state_ == State::idle && size_ != 0; }

  // Asks for all members that listen. Requires is_armable(). Tells members that may have missed something.
  void arm(std::uint64_t now_ms);

  // Can it be made to return at once? Or will that be known in a moment?
  bool is_interruptible() const { return unblocker_.is_usable() && (is_id_asked_ || has_id()); }
  // Makes it return, for the news that it does not know of. False: cannot be done, the news may better go elsewhere.
  bool interrupt(std::uint64_t now_ms);
  // A member that listens here and is not asked for by what is under way, the next one after `member`; null: none.
  LaneMember* next_news(const LaneMember* member) const;

  // Connects anew if the server owes an answer for too long.
  void check_timeout() { connection_->check_timeout(); }
  // The connection is unusable: connects anew.
  void reconnect() { connection_->fail(error_); }

 private:
  struct Asked {
    LaneMember* member;  // null: has left
    StreamId from;
    bool is_owed_ring;
  };

  void on_ready(const redis::ServerInfo& server, std::uint64_t now_ms) override;
  void on_push(redis::ReplyView, std::uint64_t) override {}
  void on_reply(const redis::Request& request, redis::ReplyView reply, std::uint64_t now_ms) override;
  void connection_lost() override;
  void not_unblocked(std::uint64_t wait) override;

  bool has_id() const { return client_id_ != 0 && id_epoch_ == unblocker_.epoch(); }
  std::uint64_t unheard_since_ms(const LaneMember& member, std::uint64_t now_ms) const;
  void leave(LaneMember& member, std::uint64_t now_ms);
  void link(LaneMember& member, std::uint64_t since_ms);
  void note_news();
  // Requires that the last XREAD asked for the member.
  const Asked& asked(const LaneMember& member) const;
  bool ask(LaneMember& member, std::uint64_t now_ms);
  std::uint64_t block_ms();
  std::uint64_t gap_ms() const;
  void deliver(Asked& asked, redis::ReplyView entries, std::uint64_t now_ms);
  void ask_id(std::uint64_t now_ms);
  void on_id(redis::ReplyView reply);
  void on_read(redis::ReplyView reply, std::uint64_t now_ms);
  void deliver_all(redis::ReplyView reply, std::uint64_t now_ms);
  void on_error(std::string_view error, std::uint64_t now_ms);
  void probe(std::uint64_t now_ms);
  void on_probed(redis::ReplyView reply, std::uint64_t now_ms);
  void rest(std::uint64_t pause_ms, std::uint64_t now_ms);
  void rest_after_failure(std::uint64_t now_ms);
  void owe_rings();

  Kind kind_;
  LaneOwner& owner_;
  Unblocker& unblocker_;
  std::unique_ptr<LaneConnection> connection_;
  redis::Session session_;

  State state_ = State::away;
  List<LaneMember> members_;
  std::size_t size_ = 0;
  bool has_news_ = false;  // somebody listens who is not asked for, or from another position
  std::uint64_t empty_since_ms_;

  // Of the last XREAD; kept until the next one.
  std::vector<Asked> asked_;
  std::size_t count_ = 0;   // entries of each stream
  std::uint64_t wait_ = 0;  // its number
  std::uint64_t armed_ms_ = 0;
  std::uint64_t unarmed_since_ms_;
  std::uint64_t arm_at_ms_ = 0;        // of an idle lane
  std::uint64_t interrupt_at_ms_ = 0;  // of a waiting lane with news; kNever: nothing more to be done
  bool is_interrupting_ = false;       // was asked to return, and will as far as is known
  std::uint64_t interrupted_ms_ = 0;

  std::uint32_t failures_ = 0;   // errors since something went well
  std::size_t probed_ = 0;       // of asked_, that were answered
  bool is_cause_found_ = false;  // by the probes
  std::string error_;            // that is looked into, or why the server is not to be understood

  std::int64_t client_id_ = 0;  // 0: not known
  std::uint64_t id_epoch_ = 0;  // the unblocker's, when it was asked for
  bool is_id_asked_ = false;

  redis::XreadCommand command_;  // scratch
};

}  // namespace sse
