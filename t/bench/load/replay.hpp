#pragma once

#include "options.hpp"
#include "shared.hpp"

namespace sse::bench {

// Writes the streams that mode replay reads: the entries 0 to `messages` of each, with the ids that Options tells.
void fill_streams(const Options& options, Shared& shared);

// What all subscribers together have to get of them.
uint64_t replay_deliveries(const Options& options);

}  // namespace sse::bench
