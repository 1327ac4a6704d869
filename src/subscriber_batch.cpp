// What a subscriber is given next, and where it stands when so much of that was taken.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "frame_walk.hpp"
#include "subscriber.hpp"

namespace sse {

void Subscriber::gather_frame_rest(Batch& batch) {
  if (pinned_.size != 0) {
    batch.add({pinned_.position, pinned_.size, pinned_.segment.get(), nullptr, pinned_.due_ms, Piece::Source::pinned});
  }
  if (mid_frame_ != nullptr) {
    batch.add(walk_from(*mid_frame_).piece());
  }
}

void Subscriber::gather_one_log(Batch& batch, Subscription& subscription) {
  FrameWalk walk = walk_from(subscription);
  while (walk.segment != nullptr && !batch.is_full()) {
    Piece run = walk.piece();
    run.size = static_cast<std::size_t>(walk.segment->end() - walk.offset);
    batch.add(run);
    walk.offset = walk.segment->end();
    walk.segment = subscription.log->segment_after(*walk.segment);
    walk.index = 0;
  }
}

void Subscriber::gather_logs_by_arrival(Batch& batch) {
  std::vector<FrameWalk> walks = due_walks(*this, mid_frame_);
  while (!walks.empty() && !batch.is_full()) {
    const auto first = earliest(walks);
    batch.add(first->piece());
    if (!first->next()) {
      walks.erase(first);
    }
  }
}

void Subscriber::gather(Batch& batch, MemoryMeter& meter) {
  if (at_frame_boundary()) {
    for (Subscription& subscription : *this) {
      if (subscription.skipped) {
        subscription.skipped = false;
        subscription.log->skip_to_head(subscription);
      }
    }
  }
  Subscription* only = nullptr;
  std::size_t due = 0;
  if (has_ids_behind()) {
    if (!ending_ && own_.size == 0) {
      copy_with_ids(meter);
    }
  } else if (!ending_) {
    for (Subscription& subscription : *this) {
      if (is_due(subscription)) {
        only = &subscription;
        ++due;
      }
    }
  }
  const bool own_first = own_.size != 0;
  if (due == 1 && !own_first && !has_own_ids() && !batch.is_due_limited() && pinned_.size == 0 &&
      (mid_frame_ == nullptr || mid_frame_ == only)) {
    gather_one_log(batch, *only);
    return;
  }
  gather_frame_rest(batch);
  if (own_first) {
    batch.add({own_.position, own_.size, own_.segment.get(), nullptr, own_.due_ms, Piece::Source::own});
  }
  if (due != 0) {
    has_own_ids() ? gather_with_ids(batch, meter) : gather_logs_by_arrival(batch);
  }
}

void Subscriber::advance(const Batch& batch, std::size_t accepted) {
  for (const Piece& piece : batch) {
    if (accepted == 0) {
      break;
    }
    const std::size_t bytes = std::min(piece.size, accepted);
    accepted -= bytes;
    switch (piece.source) {
      case Piece::Source::pinned:
        pinned_.advance(bytes);
        if (pinned_.size == 0 && mid_frame_ == nullptr) {
          ++events_sent_;
        }
        break;
      case Piece::Source::own:
        own_.advance(bytes);
        own_begun_ = own_.size != 0;
        break;
      case Piece::Source::id:
        mid_frame_ = piece.subscription;
        pin_id_line(piece, bytes);
        break;
      case Piece::Source::log: {
        Subscription& subscription = *piece.subscription;
        const ChannelLog& log = *subscription.log;
        subscription.offset += bytes;
        const std::uint64_t frame = log.frames_before(subscription.offset);
        events_sent_ += frame - subscription.frame;
        if (subscription.durable != nullptr && frame != subscription.frame) {
          subscription.durable->stand_at(log.position_before(frame));
        }
        subscription.frame = frame;
        mid_frame_ = nullptr;
        if (subscription.offset != log.head()) {
          const LogSegment& segment = log.segment_at(subscription.offset);
          if (segment.frame_begin(static_cast<std::size_t>(frame - segment.first_frame)) != subscription.offset) {
            mid_frame_ = &subscription;
          }
        }
        break;
      }
    }
  }
}

}  // namespace sse
