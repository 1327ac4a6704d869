// What a target holds true beyond not crashing.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace sse::fuzz {

// Aborts with the claim that does not hold: libFuzzer keeps the input, and prints the stack.
inline void require(bool holds, const char* claim) {
  if (!holds) {
    std::fprintf(stderr, "does not hold: %s\n", claim);
    std::abort();
  }
}

}  // namespace sse::fuzz
