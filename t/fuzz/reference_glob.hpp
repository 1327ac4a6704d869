// What Redis 7's stringmatchlen does, in the case-sensitive form that PSUBSCRIBE uses.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace sse::reference {

// Does `c` match the bracket expression that begins at `pattern`, which is then moved behind it? One that never ends ends with the pattern.
inline bool take_bracket(std::string_view& pattern, char c) {
  pattern.remove_prefix(1);
  const bool is_negated = !pattern.empty() && pattern.front() == '^';
  pattern.remove_prefix(is_negated ? 1 : 0);
  bool matches = false;
  while (!pattern.empty() && pattern.front() != ']') {
    std::size_t used = 1;
    if (pattern.front() == '\\' && pattern.size() >= 2) {
      matches = matches || pattern[1] == c;
      used = 2;
    } else if (pattern.size() >= 3 && pattern[1] == '-') {
      const auto [low, high] = std::minmax(pattern[0], pattern[2]);
      matches = matches || (c >= low && c <= high);
      used = 3;
    } else {
      matches = matches || pattern.front() == c;
    }
    pattern.remove_prefix(used);
  }
  pattern.remove_prefix(pattern.empty() ? 0 : 1);
  return matches != is_negated;
}

inline bool glob_matches(std::string_view pattern, std::string_view text) {
  while (!pattern.empty() && !text.empty()) {
    const char c = text.front();
    switch (pattern.front()) {
      case '*':
        while (!pattern.empty() && pattern.front() == '*') {
          pattern.remove_prefix(1);
        }
        for (std::size_t skip = 0; skip <= text.size(); ++skip) {
          if (glob_matches(pattern, text.substr(skip))) {
            return true;
          }
        }
        return false;
      case '?':
        pattern.remove_prefix(1);
        break;
      case '[':
        if (!take_bracket(pattern, c)) {
          return false;
        }
        break;
      case '\\':
        pattern.remove_prefix(pattern.size() >= 2 ? 1 : 0);
        [[fallthrough]];
      default:
        if (pattern.front() != c) {
          return false;
        }
        pattern.remove_prefix(1);
    }
    text.remove_prefix(1);
  }
  while (text.empty() && !pattern.empty() && pattern.front() == '*') {
    pattern.remove_prefix(1);
  }
  return pattern.empty() && text.empty();
}

}  // namespace sse::reference
