#pragma once

#include "stamp.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace sse::bench {

// Finds the `data:` lines and the resets in an event stream that comes in pieces. Of a line it needs the beginning only, so a line that
// is cut by the end of a piece costs a few bytes of memory, whatever its length.
class EventReader {
 public:
  // on_data(payload) with at least the stamp of the payload; on_reset().
  template <class OnData, class OnReset>
  void feed(std::string_view bytes, OnData&& on_data, OnReset&& on_reset) {
    const char* at = bytes.data();
    const char* end = at + bytes.size();
    while (at < end) {
      const auto* newline = static_cast<const char*>(std::memchr(at, '\n', static_cast<size_t>(end - at)));
      std::string_view piece(at, static_cast<size_t>((newline != nullptr ? newline : end) - at));
      if (newline == nullptr) {
        keep(piece);
        return;
      }
      if (kept_ != 0) {
        keep(piece);
        piece = {begin_.data(), kept_};
        kept_ = 0;
      }
      line(piece, on_data, on_reset);
      at = newline + 1;
    }
  }

 private:
  static constexpr std::string_view kData = "data:";
  static constexpr std::string_view kReset = "event: reset";

  void keep(std::string_view piece) {
    size_t n = std::min(piece.size(), begin_.size() - kept_);
    std::memcpy(begin_.data() + kept_, piece.data(), n);
    kept_ = static_cast<uint8_t>(kept_ + n);
  }

  template <class OnData, class OnReset>
  static void line(std::string_view line, OnData&& on_data, OnReset&& on_reset) {
    if (line.substr(0, kData.size()) == kData) {
      line.remove_prefix(kData.size());
      if (!line.empty() && line.front() == ' ') {
        line.remove_prefix(1);
      }
      on_data(line);
    } else if (line.substr(0, kReset.size()) == kReset) {
      on_reset();
    }
  }

  std::array<char, Stamp::kLength + 7> begin_{};  // of the line that is not complete yet
  uint8_t kept_ = 0;
};

}  // namespace sse::bench
