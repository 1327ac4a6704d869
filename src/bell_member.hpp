// A stream that wants to be told of new entries, by its own bell or by a lane.
#pragma once

#include <cstdint>

#include "lane_member.hpp"
#include "list.hpp"

namespace sse {

struct KeyspaceBell;

struct ByEar;  // tag of the lists of KeyspaceBells

// What LaneMember says holds. lane_rang() also tells that a bell is relied on from now on.
class BellMember : public LaneMember, public ListNode<ByEar> {
 public:
  // Something has happened to the stream: the member is to read and check by itself.
  virtual void bell_rang(std::uint64_t now_ms) { lane_rang(now_ms); }

 protected:
  ~BellMember() = default;

 private:
  friend class KeyspaceBells;

  // How the stream is listened to.
  enum class Ear : std::uint8_t { none, lane, bell };

  Ear ear_ = Ear::none;
  KeyspaceBell* bell_ = nullptr;  // null: not subscribed
  bool was_refused_ = false;      // its subscription, the last time
};

}  // namespace sse
