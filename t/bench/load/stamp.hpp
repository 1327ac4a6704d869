#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace sse::bench {

// What every payload begins with: a letter and fixed-width hexadecimal numbers, then padding.
struct Stamp {
  static constexpr size_t kLength = 1 + 8 + 8 + 16;
  static constexpr char kWarmUp = 'w';
  static constexpr char kMessage = 'm';

  char kind = kMessage;
  uint32_t channel = 0;
  uint32_t sequence = 0;  // counts the messages of its channel
  int64_t due_ns = 0;     // when it was to be sent: waiting for a publisher that is behind counts as latency

  // The payload of `size` bytes, at least kLength.
  std::string payload(size_t size) const {
    std::string text(size > kLength ? size : kLength, '.');
    text[0] = kind;
    write(&text[1], 8, channel);
    write(&text[9], 8, sequence);
    write(&text[17], 16, static_cast<uint64_t>(due_ns));
    return text;
  }

 private:
  static void write(char* out, size_t digits, uint64_t value) {
    for (size_t i = digits; i-- > 0; value >>= 4U) {
      out[i] = "0123456789abcdef"[value & 15U];
    }
  }
};

// Parses stamps. Most deliveries are of the message seen last, which costs one comparison.
class StampParser {
 public:
  // Null if this is no payload of ours.
  const Stamp* parse(std::string_view text) {
    if (text.size() < Stamp::kLength) {
      return nullptr;
    }
    if (std::memcmp(text.data(), last_.data(), Stamp::kLength) == 0) {
      return &stamp_;
    }
    Stamp stamp;
    uint64_t channel = 0;
    uint64_t sequence = 0;
    uint64_t due = 0;
    stamp.kind = text[0];
    if ((stamp.kind != Stamp::kWarmUp && stamp.kind != Stamp::kMessage) || !read(text.substr(1, 8), channel) ||
        !read(text.substr(9, 8), sequence) || !read(text.substr(17, 16), due)) {
      return nullptr;
    }
    stamp.channel = static_cast<uint32_t>(channel);
    stamp.sequence = static_cast<uint32_t>(sequence);
    stamp.due_ns = static_cast<int64_t>(due);
    stamp_ = stamp;
    std::memcpy(last_.data(), text.data(), Stamp::kLength);
    return &stamp_;
  }

 private:
  static bool read(std::string_view digits, uint64_t& value) {
    for (char c : digits) {
      unsigned digit = c >= '0' && c <= '9' ? static_cast<unsigned>(c - '0') : static_cast<unsigned>(c - 'a') + 10U;
      if (digit > 15) {
        return false;
      }
      value = value << 4U | digit;
    }
    return true;
  }

  std::array<char, Stamp::kLength> last_{};
  Stamp stamp_;
};

}  // namespace sse::bench
