#include "utf8.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace sse {

namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// Length of the run of ASCII that begins at `begin`.
std::size_t ascii_run(std::string_view bytes, std::size_t begin) {
  constexpr std::uint64_t kHighBits = 0x8080808080808080u;
  std::size_t at = begin;
  for (std::uint64_t word; bytes.size() - at >= sizeof(word); at += sizeof(word)) {
    std::memcpy(&word, bytes.data() + at, sizeof(word));
    if ((word & kHighBits) != 0) {
      break;
    }
  }
  while (at < bytes.size() && static_cast<unsigned char>(bytes[at]) < 0x80) {
    ++at;
  }
  return at - begin;
}

struct Sequence {
  std::size_t size;  // of one character; when not valid, of the maximal subpart
  bool valid;
};

// The byte at `begin` is not ASCII. Bounds of the second byte exclude overlong forms, surrogates and what is beyond U+10FFFF
// (The Unicode Standard, table 3-7).
Sequence sequence_at(std::string_view bytes, std::size_t begin) {
  const auto byte_at = [&](std::size_t at) { return static_cast<unsigned char>(bytes[at]); };
  const unsigned char lead = byte_at(begin);
  unsigned char low = 0x80;
  unsigned char high = 0xBF;
  std::size_t size = 0;
  if (lead >= 0xC2 && lead <= 0xDF) {
    size = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    size = 3;
    low = lead == 0xE0 ? 0xA0 : low;
    high = lead == 0xED ? 0x9F : high;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    size = 4;
    low = lead == 0xF0 ? 0x90 : low;
    high = lead == 0xF4 ? 0x8F : high;
  } else {
    return {1, false};
  }
  for (std::size_t i = 1; i < size; ++i) {
    if (begin + i == bytes.size() || byte_at(begin + i) < low || byte_at(begin + i) > high) {
      return {i, false};
    }
    low = 0x80;
    high = 0xBF;
  }
  return {size, true};
}

// The first invalid sequence at or after `begin`; returns its place, or the size when all is valid.
std::size_t find_invalid(std::string_view bytes, std::size_t begin, std::size_t& invalid_size) {
  std::size_t at = begin;
  for (;;) {
    at += ascii_run(bytes, at);
    if (at == bytes.size()) {
      return at;
    }
    const Sequence sequence = sequence_at(bytes, at);
    if (!sequence.valid) {
      invalid_size = sequence.size;
      return at;
    }
    at += sequence.size;
  }
}

}  // namespace

bool is_valid_utf8(std::string_view bytes) {
  std::size_t invalid_size = 0;
  return find_invalid(bytes, 0, invalid_size) == bytes.size();
}

void append_utf8(std::string& out, std::string_view bytes) {
  std::size_t begin = 0;
  for (;;) {
    std::size_t invalid_size = 0;
    const std::size_t end = find_invalid(bytes, begin, invalid_size);
    out.append(bytes, begin, end - begin);
    if (end == bytes.size()) {
      return;
    }
    out.append(kReplacement);
    begin = end + invalid_size;
  }
}

std::string_view without_byte_order_mark(std::string_view text) {
  if (text.substr(0, kByteOrderMark.size()) == kByteOrderMark) {
    text.remove_prefix(kByteOrderMark.size());
  }
  return text;
}

}  // namespace sse
