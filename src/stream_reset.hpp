// What a client is told when a stream does not go on where it stood.
#pragma once

#include <string_view>

#include "continuity.hpp"
#include "frame.hpp"

namespace sse {

// The word for it in a reset.
inline std::string_view reason_text(Continuity reason) {
  switch (reason) {
    case Continuity::deleted:
      return "deleted";
    case Continuity::trimmed:
      return "trimmed";
    default:
      return "ahead";
  }
}

inline DurableReset reset_of(Continuity reason, std::string_view channel, const StreamFacts& facts) {
  return {reason_text(reason), channel, facts.first, facts.exists ? facts.last_generated : kFirstStreamId};
}

}  // namespace sse
