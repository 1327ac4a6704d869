// A connection that a target plays: it has room for so many bytes, and hands what it takes to the reference.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "reference_reader.hpp"
#include "require.hpp"
#include "send_group.hpp"
#include "sink.hpp"

namespace sse::fuzz {

class RoomSink final : public Sink, public GroupPlace {
 public:
  RoomSink(reference::Reader& reference, std::size_t limit_bytes) : reference_(reference), limit_bytes_(limit_bytes) {}

  std::size_t room = SIZE_MAX;
  bool blocked = false;
  bool was_confirmed = false;
  std::optional<CloseReason> ended;
  std::optional<CloseReason> aborted;

  void confirmed() override { was_confirmed = true; }

  SendResult send(const Batch& batch) override {
    require(!ended && !aborted && !blocked, "a connection that is over or full is left alone");
    require(!batch.empty() && batch.bytes() <= limit_bytes_, "a batch is within the limit");
    const std::size_t accepted = std::min(room, batch.bytes());
    std::size_t left = accepted;
    for (const Piece& piece : batch) {
      const std::string_view bytes(piece.data, std::min(piece.size, left));
      left -= bytes.size();
      reference_.read(bytes);
    }
    room -= room == SIZE_MAX ? 0 : accepted;
    blocked = accepted < batch.bytes();
    return {accepted, blocked ? SendResult::State::blocked : SendResult::State::ready};
  }

  GroupPlace* group_place() override { return blocked ? nullptr : this; }
  std::size_t batch_limit() const override { return limit_bytes_; }
  std::optional<std::uint64_t> oldest_in_flight_ms() const override { return std::nullopt; }
  std::size_t in_flight_bytes() const override { return 0; }

  void end(CloseReason reason) override {
    require(!ended && !aborted && reference_.is_at_boundary(), "a stream ends once, between frames");
    ended = reason;
  }

  void abort(CloseReason reason) override {
    require(!ended && !aborted, "a stream is cut once");
    aborted = reason;
  }

 private:
  reference::Reader& reference_;
  std::size_t limit_bytes_;
};

// One after the other; each piece as the sink's own send would have it.
class RoomSender final : public GroupSender {
 public:
  void send(SendGroup& group) override {
    for (GroupedSend& grouped : group) {
      Batch batch(grouped.piece.size);
      batch.add(grouped.piece);
      grouped.result = static_cast<RoomSink*>(grouped.place)->send(batch);
    }
  }
};

}  // namespace sse::fuzz
