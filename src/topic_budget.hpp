// How many channels and patterns one worker may know, those of all brokers together. A flood of new names is bounded here.
#pragma once

#include <algorithm>
#include <cstddef>

namespace sse {

class TopicBudget {
 public:
  void set_limit(std::size_t limit) { limit_ = limit; }  // 0: none
  std::size_t limit() const { return limit_; }
  std::size_t used() const { return used_; }

  bool has_room_for(std::size_t more) const { return limit_ == 0 || used_ + more <= limit_; }

  // Little is left: what nobody reads any more should go now, so that who comes next is not refused because of it.
  bool is_tight() const { return !has_room_for(std::max<std::size_t>(1, limit_ / kReserve)); }

  // Held by each topic for as long as it lives.
  class Place {
   public:
    explicit Place(TopicBudget& budget) : budget_(budget) { ++budget_.used_; }
    ~Place() { --budget_.used_; }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

   private:
    TopicBudget& budget_;
  };

 private:
  static constexpr std::size_t kReserve = 16;  // a sixteenth

  std::size_t limit_ = 0;
  std::size_t used_ = 0;
};

}  // namespace sse
