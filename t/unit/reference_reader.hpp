// What one reader must get: a plain queue of whole frames, on purpose without cursors, segments or batches. Reads what a connection took
// byte by byte and fails the test at the first byte that should not be there.
//
// Frames of logs begin with a capital letter, which no frame of the hub's own does. Where frames may be lost (slow readers that skip), the
// first kHeader bytes of each are unlike those of all others.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "delivery_fixture.hpp"

namespace sse::reference {

// As a channel's buffer_bytes: the memory of all channels together is bounded, which this reference does not know.
inline constexpr std::size_t kAnyLossIsJustified = 1;

class Reader {
 public:
  static constexpr std::size_t kHeader = 9;

  struct Channel {
    std::string name;
    std::size_t buffer_bytes = 0;  // 0: no bound, and so nothing may be lost
  };

  Reader(Framing framing, std::vector<Channel> channels, bool may_skip) : channels_(channels.begin(), channels.end()), may_skip_(may_skip) {
    const auto framed = [framing](std::string_view bytes) { return framing == Framing::chunked ? test::chunk(bytes) : std::string(bytes); };
    own_.push_back({framed(test::kKeepaliveFrame), Own::Kind::keepalive, 0});
    for (std::size_t i = 0; i < channels.size(); ++i) {
      own_.push_back({framed(test::slow_reset(channels[i].name)), Own::Kind::reset, i});
    }
    own_.push_back({framed(kFarewell), Own::Kind::farewell, 0});
  }

  static constexpr std::string_view kFarewell = "retry: 4711\n\n";

  // The stream is open, and this was published.
  void publish(std::size_t channel, std::shared_ptr<const std::string> frame, std::uint64_t now_ms) {
    due_.push_back({channel, std::move(frame), ++sequence_, now_ms});
  }

  // The stream gets no more frames of logs than were published before; if its connection is full, only the one that it is in the middle of.
  void finish(bool is_full) {
    finishing_ = true;
    begun_at_finish_ = !unread_.empty();
    last_due_ = is_full ? 0 : sequence_;
  }

  // Did the end leave out what was to come before it?
  bool lacks_frames_before_the_end() const { return !due_.empty() && due_.front().sequence <= last_due_; }

  // The connection took these bytes.
  void read(std::string_view bytes) {
    unread_ += bytes;
    while (!unread_.empty() && !broken_) {
      if (frame_ == nullptr && !begin_frame()) {
        return;
      }
      const std::size_t size = std::min(frame_->size() - position_, unread_.size());
      if (frame_->compare(position_, size, unread_, 0, size) != 0) {
        fail("bytes differ from the frame that is due");
        return;
      }
      unread_.erase(0, size);
      position_ += size;
      if (position_ == frame_->size()) {
        end_frame();
      }
    }
  }

  // The connection had room at the end of a call to the hub: whatever was skipped, all that is published from here on is due.
  void had_room() {
    for (State& channel : channels_) {
      channel.lost_up_to = std::min(channel.lost_up_to, sequence_);
    }
  }

  bool is_broken() const { return broken_; }
  bool is_at_boundary() const { return frame_ == nullptr && unread_.empty(); }
  bool was_reset() const { return was_reset_; }
  bool got_farewell() const { return got_farewell_; }
  std::uint64_t log_frames() const { return log_frames_; }
  const std::string& last_header() const { return last_header_; }

  bool has_everything() const {
    return is_at_boundary() && std::none_of(due_.begin(), due_.end(), [this](const Due& due) { return is_due(due); });
  }

  // When the oldest byte that is still to come was published; `none` when there is none.
  std::uint64_t oldest_due_ms(std::uint64_t none) const {
    std::uint64_t oldest = frame_ != nullptr && in_log_frame_ ? current_.due_ms : none;
    for (const Due& due : due_) {
      oldest = is_due(due) ? std::min(oldest, due.due_ms) : oldest;
    }
    return oldest;
  }

  // Is there a channel that this reader is so far behind in that its bound may have left it behind?
  bool is_slow() const {
    for (std::size_t i = 0; i < channels_.size(); ++i) {
      if (exceeds_bound(i, channels_[i].lost_bytes + undelivered_bytes(i))) {
        return true;
      }
    }
    return false;
  }

  // For the end of a test: what was skipped and never followed by a frame was too much for the bound.
  void expect_losses_justified() const {
    for (std::size_t i = 0; i < channels_.size(); ++i) {
      if (channels_[i].skipping) {
        EXPECT_TRUE(exceeds_bound(i, channels_[i].lost_bytes + undelivered_bytes(i))) << "skipped without need";
      }
    }
  }

 private:
  struct Own {
    enum class Kind : std::uint8_t { keepalive, reset, farewell };
    std::string bytes;
    Kind kind;
    std::size_t channel;
  };

  struct Due {
    std::size_t channel = 0;
    std::shared_ptr<const std::string> frame;
    std::uint64_t sequence = 0;
    std::uint64_t due_ms = 0;
  };

  struct State {
    explicit State(const Channel& channel) : buffer_bytes(channel.buffer_bytes) {}
    std::size_t buffer_bytes;
    bool skipping = false;         // a reset was read, and no frame of this channel since
    std::uint64_t lost_up_to = 0;  // while skipping: frames up to this one may be missing
    std::size_t lost_bytes = 0;
    std::size_t last_size = 0;  // of the last frame that was begun
  };

  bool is_due(const Due& due) const {
    const State& channel = channels_[due.channel];
    return !finishing_ && !(channel.skipping && due.sequence <= channel.lost_up_to);
  }

  std::size_t undelivered_bytes(std::size_t channel) const {
    std::size_t bytes = frame_ != nullptr && in_log_frame_ && current_.channel == channel ? frame_->size() - position_ : 0;
    for (const Due& due : due_) {
      bytes += due.channel == channel ? due.frame->size() : 0;
    }
    return bytes;
  }

  // A log gives up whole segments: the rest of the one that the cursor is in counts.
  bool exceeds_bound(std::size_t channel, std::size_t bytes) const {
    const State& state = channels_[channel];
    const std::size_t segment = std::max(std::clamp<std::size_t>(state.buffer_bytes / 8, 1024, 65536), state.last_size);
    return state.buffer_bytes != 0 && bytes + segment > state.buffer_bytes;
  }

  bool begin_frame() {
    if (got_farewell_) {
      fail("bytes after the farewell");
      return false;
    }
    return unread_.front() >= 'A' && unread_.front() <= 'Z' ? begin_log_frame() : begin_own_frame();
  }

  bool begin_log_frame() {
    if (std::any_of(channels_.begin(), channels_.end(), [](const State& channel) { return channel.skipping; })) {
      if (unread_.size() < kHeader) {
        return false;
      }
      while (!due_.empty() && due_.front().frame->compare(0, kHeader, unread_, 0, kHeader) != 0) {
        State& channel = channels_[due_.front().channel];
        if (!channel.skipping || due_.front().sequence > channel.lost_up_to) {
          fail("a frame is missing");
          return false;
        }
        channel.lost_bytes += due_.front().frame->size();
        due_.pop_front();
      }
    }
    if (due_.empty()) {
      fail("a frame that is not due");
      return false;
    }
    if (finishing_ && !begun_at_finish_ && due_.front().sequence > last_due_) {
      fail("a frame of a log after the end was asked for");
      return false;
    }
    current_ = std::move(due_.front());
    due_.pop_front();
    State& channel = channels_[current_.channel];
    if (channel.skipping) {
      EXPECT_TRUE(exceeds_bound(current_.channel, channel.lost_bytes)) << "skipped without need";
      channel.skipping = false;
      channel.lost_bytes = 0;
    }
    channel.last_size = current_.frame->size();
    in_log_frame_ = true;
    begun_at_finish_ = false;
    begin(current_.frame);
    return true;
  }

  bool begin_own_frame() {
    for (const Own& own : own_) {
      if (unread_.compare(0, own.bytes.size(), own.bytes) == 0) {
        in_log_frame_ = false;
        begin(std::make_shared<const std::string>(own.bytes));
        current_own_ = &own;
        return true;
      }
    }
    if (std::none_of(own_.begin(), own_.end(), [this](const Own& own) { return own.bytes.compare(0, unread_.size(), unread_) == 0; })) {
      fail("neither a frame of a log nor one of the hub's own");
    }
    return false;
  }

  void begin(std::shared_ptr<const std::string> frame) {
    frame_ = std::move(frame);
    position_ = 0;
  }

  void end_frame() {
    frame_ = nullptr;
    if (in_log_frame_) {
      ++log_frames_;
      last_header_ = current_.frame->substr(0, kHeader);
      return;
    }
    switch (current_own_->kind) {
      case Own::Kind::keepalive:
        break;
      case Own::Kind::reset:
        EXPECT_TRUE(may_skip_);
        was_reset_ = true;
        channels_[current_own_->channel].skipping = true;
        channels_[current_own_->channel].lost_up_to = UINT64_MAX;
        break;
      case Own::Kind::farewell:
        EXPECT_TRUE(finishing_);
        got_farewell_ = true;
        break;
    }
  }

  void fail(const char* what) {
    ADD_FAILURE() << what << "; read: \"" << unread_.substr(0, 80) << "\"";
    broken_ = true;
  }

  std::vector<State> channels_;
  bool may_skip_;
  std::vector<Own> own_;
  std::deque<Due> due_;
  std::uint64_t sequence_ = 0;

  std::string unread_;
  std::shared_ptr<const std::string> frame_;  // that is being read
  std::size_t position_ = 0;
  bool in_log_frame_ = false;
  Due current_;
  const Own* current_own_ = nullptr;

  bool finishing_ = false;
  bool begun_at_finish_ = false;  // a frame of which too little was read to know it
  std::uint64_t last_due_ = 0;    // while finishing: the last frame that may begin
  bool got_farewell_ = false;
  bool was_reset_ = false;
  bool broken_ = false;
  std::uint64_t log_frames_ = 0;
  std::string last_header_;
};

}  // namespace sse::reference
