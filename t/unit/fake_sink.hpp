// A connection that a test plays: takes as many bytes as it has room for.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "send_group.hpp"
#include "sink.hpp"

namespace sse::test {

class FakeSink final : public Sink, public GroupPlace {
 public:
  std::size_t room = SIZE_MAX;  // bytes that it takes until it is full
  bool holds_all = false;       // takes what it is offered and says that it is full, as a filter chain does
  bool broken = false;
  bool joins_groups = false;
  std::size_t limit_bytes = std::size_t{64} * 1024;
  std::optional<std::uint64_t> in_flight_ms;
  std::size_t held_in_flight = 0;
  std::function<void()> when_confirmed;

  std::string bytes;               // taken
  std::vector<std::size_t> sends;  // bytes that each send offered
  int confirmations = 0;
  std::optional<CloseReason> ended;
  std::optional<CloseReason> aborted;

  std::string take() { return std::exchange(bytes, {}); }

  void confirmed() override {
    ++confirmations;
    if (when_confirmed) {
      when_confirmed();
    }
  }

  SendResult send(const Batch& batch) override {
    EXPECT_FALSE(ended || aborted);
    EXPECT_FALSE(batch.empty());
    EXPECT_LE(batch.bytes(), limit_bytes);
    sends.push_back(batch.bytes());
    if (broken) {
      return {0, SendResult::State::failed};
    }
    const std::size_t accepted = std::min(room, batch.bytes());
    std::size_t left = accepted;
    for (const Piece& piece : batch) {
      const std::size_t size = std::min(piece.size, left);
      bytes.append(piece.data, size);
      left -= size;
    }
    if (room != SIZE_MAX) {
      room -= accepted;
    }
    return {accepted, accepted < batch.bytes() || holds_all ? SendResult::State::blocked : SendResult::State::ready};
  }

  GroupPlace* group_place() override { return joins_groups ? this : nullptr; }
  std::size_t batch_limit() const override { return limit_bytes; }
  std::optional<std::uint64_t> oldest_in_flight_ms() const override { return in_flight_ms; }
  std::size_t in_flight_bytes() const override { return held_in_flight; }

  void end(CloseReason reason) override {
    EXPECT_FALSE(ended || aborted);
    ended = reason;
  }

  void abort(CloseReason reason) override {
    EXPECT_FALSE(ended || aborted);
    aborted = reason;
  }
};

// Sends to each FakeSink of a group in turn.
class FakeGroupSender final : public GroupSender {
 public:
  std::vector<std::size_t> sizes;  // of the groups

  void send(SendGroup& group) override {
    sizes.push_back(group.size());
    for (GroupedSend& grouped : group) {
      Batch batch(grouped.piece.size);
      batch.add(grouped.piece);
      grouped.result = static_cast<FakeSink*>(grouped.place)->send(batch);
    }
  }
};

}  // namespace sse::test
