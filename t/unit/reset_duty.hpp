// What the rule of continuity owes to the truth, which a model of the stream knows and Redis does not. Derived from what became of the
// entries, not from what Redis shows. A cursor belongs to a history that held its id, or the id after it (then a reset may have given it).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <ostream>

#include "continuity.hpp"
#include "stream_model.hpp"

namespace sse::test {

enum class ResetDuty : std::uint8_t {
  required,   // An entry after the cursor, in its own history, was trimmed. Or the cursor's history is gone, and Redis shows it: the key
              // is missing, or no withdrawal could explain that the cursor is not there: XDEL removed nothing after it, or the one entry
              // that was ever removed was not the cursor.
  allowed,    // Nothing was lost, but Redis cannot know: all that was trimmed is before the cursor, or is the cursor. Or the cursor's
              // history is gone, but it could have been withdrawn from this one.
  forbidden,  // Nothing was lost, and Redis shows it: the cursor is retained, or the newest id; nothing was ever removed, or one entry, by
              // XDEL; no id lies between cursor and first entry. Or the cursor was withdrawn from among retained entries: that is not to
              // cost a reset.
};

inline ResetDuty reset_duty(const std::optional<StreamModel>& stream, StreamId cursor) {
  const bool is_beginning = cursor == kFirstStreamId;
  if (!stream) {
    return is_beginning ? ResetDuty::forbidden : ResetDuty::required;
  }
  const bool is_held = is_beginning || stream->has_held(cursor);
  const bool is_before_held = stream->has_held(cursor.next());
  if (!is_held && !is_before_held) {
    const bool may_be_withdrawn = stream->has_withdrawn_after(cursor) && stream->removed() > 1;
    return may_be_withdrawn ? ResetDuty::allowed : ResetDuty::required;
  }
  if (stream->has_trimmed_after(cursor)) {
    return ResetDuty::required;
  }
  const std::optional<StreamId> first = stream->first_from(kFirstStreamId);
  const bool is_at_most_one_withdrawn = stream->removed() <= 1 && !stream->has_trimmed_after(kFirstStreamId);
  const bool is_shown = stream->is_retained(cursor) || cursor == stream->last_generated() || (is_held && is_at_most_one_withdrawn) ||
                        (first && *first == cursor.next()) || (first && *first < cursor && stream->is_withdrawn(cursor));
  return is_shown ? ResetDuty::forbidden : ResetDuty::allowed;
}

// How often each duty met each verdict.
struct DutyTally {
  void count(ResetDuty duty, bool is_reset) { ++times[static_cast<std::size_t>(duty)][is_reset ? 1 : 0]; }
  std::size_t of(ResetDuty duty, bool is_reset) const { return times[static_cast<std::size_t>(duty)][is_reset ? 1 : 0]; }

  std::array<std::array<std::size_t, 2>, 3> times = {};
};

inline std::ostream& operator<<(std::ostream& out, const DutyTally& tally) {
  return out << "required " << tally.of(ResetDuty::required, true) << ", forbidden " << tally.of(ResetDuty::forbidden, false)
             << ", allowed " << tally.of(ResetDuty::allowed, true) << " with a reset and " << tally.of(ResetDuty::allowed, false)
             << " without";
}

}  // namespace sse::test
