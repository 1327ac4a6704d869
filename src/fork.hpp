// Where a stream's history left the one that was given here, and what was lost with that.
#pragma once

#include <algorithm>
#include <vector>

#include "stream_id.hpp"

namespace sse {

struct Fork {
  StreamId at;                 // the newest entry that both histories share
  std::vector<StreamId> lost;  // those after it that were given here and are still known, in order

  // Who stands there has read the history that ended. (Or a third one that gave the same id: ids alone cannot tell.)
  bool has_lost(StreamId id) const { return std::binary_search(lost.begin(), lost.end(), id); }
};

}  // namespace sse
