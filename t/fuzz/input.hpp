// A fuzzer's bytes as decisions, taken from the front, so that a seed can be written by hand: choices first, text at the end.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sse::fuzz {

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : left_(reinterpret_cast<const char*>(data), size) {}

  bool empty() const { return left_.empty(); }

  // 0 when there is nothing left, as in all that follows.
  std::uint8_t byte() { return left_.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(take(1).front()); }

  // Of one byte: requires n <= 256.
  std::size_t below(std::size_t n) { return byte() % n; }

  bool coin() { return below(2) == 1; }

  std::string_view take(std::size_t size) {
    const std::string_view taken = left_.substr(0, size);
    left_.remove_prefix(taken.size());
    return taken;
  }

  // A byte tells the size.
  std::string_view text() { return take(byte()); }

  // Up to the next line feed, which is dropped.
  std::string_view line() {
    const std::string_view taken = take(std::min(left_.find('\n'), left_.size()));
    take(1);
    return taken;
  }

  std::string_view rest() { return take(left_.size()); }

 private:
  std::string_view left_;
};

}  // namespace sse::fuzz
