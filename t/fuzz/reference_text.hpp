// What text becomes on its way to a browser, by the letter of the standards and on purpose not from the code under test: WHATWG Encoding's
// UTF-8 decoder, and the line ends of an event stream.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sse::reference {

// The bytes as UTF-8 with U+FFFD for what is not ("UTF-8 decoder", state and boundaries as named there).
inline std::string repaired(std::string_view bytes) {
  std::string out;
  std::string sequence;
  int bytes_needed = 0;
  unsigned lower = 0x80;
  unsigned upper = 0xBF;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    if (bytes_needed == 0) {
      sequence = bytes[i];
      if (byte <= 0x7F) {
        out += bytes[i];
      } else if (byte >= 0xC2 && byte <= 0xDF) {
        bytes_needed = 1;
      } else if (byte >= 0xE0 && byte <= 0xEF) {
        lower = byte == 0xE0 ? 0xA0 : 0x80;
        upper = byte == 0xED ? 0x9F : 0xBF;
        bytes_needed = 2;
      } else if (byte >= 0xF0 && byte <= 0xF4) {
        lower = byte == 0xF0 ? 0x90 : 0x80;
        upper = byte == 0xF4 ? 0x8F : 0xBF;
        bytes_needed = 3;
      } else {
        out += "\uFFFD";
      }
      continue;
    }
    const bool continues = byte >= lower && byte <= upper;
    lower = 0x80;
    upper = 0xBF;
    if (!continues) {
      bytes_needed = 0;
      out += "\uFFFD";
      --i;  // the byte is read again
      continue;
    }
    sequence += bytes[i];
    if (--bytes_needed == 0) {
      out += sequence;
    }
  }
  return bytes_needed == 0 ? out : out + "\uFFFD";
}

inline bool is_utf8(std::string_view bytes) { return repaired(bytes) == bytes; }

// CRLF and CR become LF.
inline std::string with_line_feeds(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\r') {
      out += text[i];
    } else if (i + 1 == text.size() || text[i + 1] != '\n') {
      out += '\n';
    }
  }
  return out;
}

inline std::string_view without_mark(std::string_view text) { return text.substr(0, 3) == "\uFEFF" ? text.substr(3) : text; }

}  // namespace sse::reference
