// A stream that wants to be told of new entries, as the lanes see it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "list.hpp"
#include "redis_reply.hpp"
#include "stream_id.hpp"

namespace sse {

class Lane;

// In at most one lane. No two members of the same lanes have the same key. A member may add and remove any member, itself too, in each
// of its callbacks, and may be destroyed in them once it is removed.
class LaneMember : public ListNode<LaneMember> {
 public:
  // Does not change while the member is in a lane.
  virtual const std::string& key() const = 0;
  // Entries after it are news. Asked for whenever its lane is armed.
  virtual StreamId position() const = 0;
  // Of what came lately; 0: not known.
  virtual std::size_t largest_entry_bytes() const = 0;

  // New entries, at least one; `from`: the position that was asked with, the member may have moved on meanwhile. `is_whole`: fewer than
  // were asked for, so that with a MAXLEN of at least kLaneEntries nothing was trimmed in between; otherwise they are only a bell.
  // True: listen on, from position(), which is now behind these entries. False: not before the member is added again.
  [[nodiscard]] virtual bool lane_read(StreamId from, redis::ReplyView entries, bool is_whole, std::uint64_t now_ms) = 0;

  // Something may have been missed (the lane was away, or was armed late): the member is to read and check by itself. The lane listens.
  virtual void lane_rang(std::uint64_t now_ms) = 0;

  // This stream alone is the cause of an error (WRONGTYPE, NOPERM, …), and has left the lanes. `error` is Redis's.
  virtual void lane_refused(std::string_view error, std::uint64_t now_ms) = 0;

 protected:
  ~LaneMember() = default;

 private:
  friend class Lane;

  struct Place {
    Lane* lane = nullptr;        // null: in none
    std::size_t slot = 0;        // in what its lane asked last, if it is there at all
    bool is_news = false;        // to its lane: what is under way does not ask for it, or from another position
    bool is_paused = false;      // until it is added again
    bool is_owed_ring = false;   // something may have been missed
    std::uint64_t since_ms = 0;  // waits to be asked for, if is_news
    std::uint64_t woken_ms = 0;  // when it had entries last
  } place_;
};

// Most entries of a stream that a lane asks for.
inline constexpr std::size_t kLaneEntries = 16;

}  // namespace sse
