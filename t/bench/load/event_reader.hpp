#pragma once

#include "stamp.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace sse::bench {

// Finds the events and the resets in an event stream that comes in pieces. An event is there when its blank line has come, as for a
// browser. Of its data it needs the beginning and the size only, so what is cut by the end of a piece costs a few bytes of memory, whatever
// its size.
class EventReader {
 public:
  // on_data(begin, size): at least the stamp that the data begins with, and how many bytes it has in all; on_reset().
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
      at = newline + 1;
      if (line_size_ == 0) {
        size_t size = piece.size() - (!piece.empty() && piece.back() == '\r' ? 1 : 0);
        line(piece.substr(0, size), size, on_data, on_reset);
      } else {
        keep(piece);
        size_t size = line_size_ - (ends_in_cr_ ? 1 : 0);
        line(std::string_view(begin_.data(), std::min(size, begin_.size())), size, on_data, on_reset);
        line_size_ = 0;
      }
    }
  }

 private:
  static constexpr std::string_view kData = "data:";
  static constexpr std::string_view kReset = "event: reset";

  void keep(std::string_view piece) {
    if (line_size_ < begin_.size()) {
      std::memcpy(begin_.data() + line_size_, piece.data(), std::min(piece.size(), begin_.size() - line_size_));
    }
    line_size_ += piece.size();
    ends_in_cr_ = piece.empty() ? ends_in_cr_ : piece.back() == '\r';
  }

  // `begin`: of a line of so many bytes.
  template <class OnData, class OnReset>
  void line(std::string_view begin, size_t size, OnData&& on_data, OnReset&& on_reset) {
    if (size == 0) {
      if (has_data_) {
        on_data(std::string_view(data_.data(), std::min(data_size_, data_.size())), data_size_);
      }
      has_data_ = false;
    } else if (begin.substr(0, kData.size()) == kData) {
      size_t skipped = kData.size() + (begin.size() > kData.size() && begin[kData.size()] == ' ' ? 1 : 0);
      add_data(begin.substr(skipped), size - skipped);
    } else if (begin.substr(0, kReset.size()) == kReset) {
      on_reset();
    }
  }

  void add_data(std::string_view begin, size_t size) {
    if (has_data_) {
      data_size_ += 1 + size;  // another line of it
      return;
    }
    has_data_ = true;
    data_size_ = size;
    std::memcpy(data_.data(), begin.data(), std::min(begin.size(), data_.size()));
  }

  std::array<char, Stamp::kLength> data_{};       // of the event that is not complete yet
  std::array<char, Stamp::kLength + 7> begin_{};  // of the line that is not complete yet
  bool has_data_ = false;
  bool ends_in_cr_ = false;
  size_t data_size_ = 0;
  size_t line_size_ = 0;
};

}  // namespace sse::bench
