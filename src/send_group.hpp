// Sends of several subscribers that are made one right after the other: all gathered first, and each told its result afterwards.
#pragma once

#include <array>
#include <cassert>
#include <cstddef>

#include "batch.hpp"
#include "sink.hpp"

namespace sse {

class Subscriber;

// Where a sink's bytes go when they go with others'. Only the glue knows what is behind it.
class GroupPlace {
 protected:
  ~GroupPlace() = default;
};

struct GroupedSend {
  Subscriber* subscriber;
  GroupPlace* place;
  Piece piece;
  SendResult result;
};

class SendGroup {
 public:
  static constexpr std::size_t kMaxSends = 64;
  static constexpr std::size_t kManyBytes = std::size_t{256} * 1024;  // copying more takes a good part of a slice

  GroupedSend* begin() { return sends_.data(); }
  GroupedSend* end() { return sends_.data() + count_; }
  std::size_t size() const { return count_; }
  bool empty() const { return count_ == 0; }
  bool is_full() const { return count_ == kMaxSends || bytes_ >= kManyBytes; }

  void add(Subscriber& subscriber, GroupPlace& place, const Piece& piece) {
    assert(!is_full());
    sends_[count_++] = {&subscriber, &place, piece, {}};
    bytes_ += piece.size;
  }

  void clear() { count_ = bytes_ = 0; }

 private:
  std::array<GroupedSend, kMaxSends> sends_;
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
};

class GroupSender {
 public:
  // Offers each piece to its place, in order and without blocking, and fills in what Sink::send would have answered. Nobody reads the
  // pieces any more when this returns.
  virtual void send(SendGroup& group) = 0;

 protected:
  ~GroupSender() = default;
};

}  // namespace sse
