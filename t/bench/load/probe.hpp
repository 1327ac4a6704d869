#pragma once

#include "options.hpp"
#include "shared.hpp"

namespace sse::bench {

// The process that asks for an ordinary file at a steady rate while messages flow, until `control` ends.
void run_probe(const Options& options, Shared& shared, int control);

}  // namespace sse::bench
