// The cursor of several durable channels as a table of texts: slow, and without a look at the code that is tested.
#pragma once

#include <sodium/crypto_hash_sha256.h>
#include <sodium/utils.h>

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stream_id.hpp"

namespace sse::reference {

inline const std::string kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// The 24 bits, as bytes.
inline std::string tag_bytes(std::string_view name) {
  std::array<unsigned char, crypto_hash_sha256_BYTES> hash;
  crypto_hash_sha256(hash.data(), reinterpret_cast<const unsigned char*>(name.data()), name.size());
  return {hash.begin(), hash.begin() + 3};
}

inline std::string tag(std::string_view name) {
  const std::string bytes = tag_bytes(name);
  std::array<char, 5> text;
  sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
                    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  return text.data();
}

// In base 64 with zeros in front to a length that is allowed; and which one that is.
inline std::pair<std::string, std::size_t> number(std::uint64_t value) {
  std::string text;
  for (; value != 0; value /= 64) {
    text.insert(text.begin(), kDigits[value % 64]);
  }
  std::size_t index = 0;
  for (const unsigned length : {0U, 1U, 2U, 3U, 4U, 5U, 7U, 11U}) {
    if (length >= text.size()) {
      return {std::string(length - text.size(), 'A') + text, index};
    }
    ++index;
  }
  return {};
}

inline std::string cursor_entry(std::string_view name, StreamId position) {
  const auto [ms, ms_length] = number(position.ms);
  const auto [seq, seq_length] = number(position.seq);
  return tag(name) + kDigits[8 * ms_length + seq_length] + ms + seq;
}

// Of any length, in the order of tags and then names.
inline std::string cursor(const std::vector<std::pair<std::string, StreamId>>& positions) {
  std::map<std::pair<std::string, std::string>, std::string> entries;
  for (const auto& [name, position] : positions) {
    entries[{tag_bytes(name), name}] = cursor_entry(name, position);
  }
  std::string text = "s";
  for (const auto& entry : entries) {
    text += entry.second;
  }
  return text;
}

// The entries that a text has after its "s", if their lengths are right; else nothing.
inline std::vector<std::string> split_cursor(std::string_view text) {
  constexpr std::array<std::size_t, 8> kLengths = {0, 1, 2, 3, 4, 5, 7, 11};
  std::vector<std::string> entries;
  for (text.remove_prefix(1); !text.empty();) {
    const std::size_t lengths = text.size() < 5 ? std::string::npos : kDigits.find(text[4]);
    const std::size_t size = lengths == std::string::npos ? 0 : 5 + kLengths[lengths / 8] + kLengths[lengths % 8];
    if (size == 0 || size > text.size()) {
      return {};
    }
    entries.emplace_back(text.substr(0, size));
    text.remove_prefix(size);
  }
  return entries;
}

}  // namespace sse::reference
