// What a log of a durable channel knows of a frame: of which entry it is.
#pragma once

#include <cstdint>

#include "stream_id.hpp"

namespace sse {

struct EntryMark {
  StreamId id;             // whoever was given the frame stands at this position
  std::uint64_t hash = 0;  // of the entry's bytes; 0: the frame is of none (a reset)
};

}  // namespace sse
