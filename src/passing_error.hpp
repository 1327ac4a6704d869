// Errors of a Redis server that say how the server fares, and nothing about a stream or a permission.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace sse::redis {

// True for an error that passes by itself: nobody's fault, to be tried again after a short wait.
inline bool is_passing_error(std::string_view error) {
  constexpr std::array<std::string_view, 7> kPassing = {"LOADING",  "MASTERDOWN", "UNBLOCKED", "CLUSTERDOWN",
                                                        "TRYAGAIN", "READONLY",   "BUSY"};
  const std::string_view code = error.substr(0, error.find(' '));
  return std::find(kPassing.begin(), kPassing.end(), code) != kPassing.end();
}

}  // namespace sse::redis
