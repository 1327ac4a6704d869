#include "composite_cursor.hpp"

#include <sodium/crypto_hash_sha256.h>

#include <algorithm>
#include <array>
#include <cassert>

#include "event.hpp"

namespace sse {

namespace {

constexpr char kComposite = 's';  // Redis ids begin with a digit
constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr unsigned kDigitBits = 6;
constexpr std::size_t kTagDigits = 4;

// How many digits a number may take: 3 bits say which. 7 hold the milliseconds of these centuries, 11 anything.
constexpr std::array<std::size_t, 8> kLengths = {0, 1, 2, 3, 4, 5, 7, 11};

std::uint32_t tag_of(std::string_view name) {
  std::array<unsigned char, crypto_hash_sha256_BYTES> hash;
  crypto_hash_sha256(hash.data(), reinterpret_cast<const unsigned char*>(name.data()), name.size());
  return static_cast<std::uint32_t>(hash[0] << 16 | hash[1] << 8 | hash[2]);
}

// The first of kLengths that holds the number.
std::size_t length_index(std::uint64_t number) {
  std::size_t digits = 0;
  for (std::uint64_t rest = number; rest != 0; rest >>= kDigitBits) {
    ++digits;
  }
  return static_cast<std::size_t>(std::lower_bound(kLengths.begin(), kLengths.end(), digits) - kLengths.begin());
}

void append_number(std::string& text, std::uint64_t number, std::size_t digits) {
  for (std::size_t left = digits; left != 0; --left) {
    const std::size_t shift = (left - 1) * kDigitBits;
    text.push_back(kDigits[static_cast<std::size_t>(number >> shift) % kDigits.size()]);
  }
}

int digit_value(char c) {
  if (c >= 'A' && c <= 'Z') {
    return c - 'A';
  }
  if (c >= 'a' && c <= 'z') {
    return c - 'a' + 26;
  }
  if (c >= '0' && c <= '9') {
    return c - '0' + 52;
  }
  return c == '-' ? 62 : (c == '_' ? 63 : -1);
}

// Takes the digits from the front. False when they are not there, or the number needs more than 64 bits.
bool take_number(std::string_view& text, std::size_t digits, std::uint64_t& number) {
  if (text.size() < digits) {
    return false;
  }
  number = 0;
  for (const char c : text.substr(0, digits)) {
    const int value = digit_value(c);
    if (value < 0 || number >> (64 - kDigitBits) != 0) {
      return false;
    }
    number = number << kDigitBits | static_cast<std::uint64_t>(value);
  }
  text.remove_prefix(digits);
  return true;
}

// As take_number. False, too, when a smaller length would do.
bool take_shortest(std::string_view& text, std::size_t index, std::uint64_t& number) {
  return take_number(text, kLengths[index], number) && length_index(number) == index;
}

struct Entry {
  std::uint32_t tag;
  StreamId position;
};

bool take_entry(std::string_view& text, Entry& entry) {
  std::uint64_t tag = 0;
  std::uint64_t lengths = 0;
  if (!take_number(text, kTagDigits, tag) || !take_number(text, 1, lengths)) {
    return false;
  }
  entry.tag = static_cast<std::uint32_t>(tag);
  return take_shortest(text, lengths / kLengths.size(), entry.position.ms) &&
         take_shortest(text, lengths % kLengths.size(), entry.position.seq);
}

// All of the text, which must be in the order that tags have.
bool take_entries(std::string_view text, std::vector<Entry>& entries) {
  while (!text.empty()) {
    Entry entry;
    if (!take_entry(text, entry) || (!entries.empty() && entry.tag < entries.back().tag)) {
      return false;
    }
    entries.push_back(entry);
  }
  return true;
}

void append_entry(std::string& text, std::uint32_t tag, StreamId position) {
  const std::size_t ms_index = length_index(position.ms);
  const std::size_t seq_index = length_index(position.seq);
  append_number(text, tag, kTagDigits);
  append_number(text, ms_index * kLengths.size() + seq_index, 1);
  append_number(text, position.ms, kLengths[ms_index]);
  append_number(text, position.seq, kLengths[seq_index]);
}

}  // namespace

CursorNames::CursorNames(const std::vector<std::string_view>& channels) {
  tags_.reserve(channels.size());
  for (const std::string_view name : channels) {
    tags_.push_back({tag_of(name), static_cast<std::uint32_t>(tags_.size())});
  }
  std::sort(tags_.begin(), tags_.end(), [&channels](const Tag& a, const Tag& b) {
    return a.value != b.value ? a.value < b.value : channels[a.channel] < channels[b.channel];
  });
}

bool CursorNames::append(std::string& text, const Positions& positions) const {
  assert(positions.size() == size());
  if (size() == 1) {
    if (positions.front()) {
      append_stream_id(text, *positions.front());
    }
    return positions.front().has_value();
  }
  const std::size_t begin = text.size();
  text.push_back(kComposite);
  for (const Tag& tag : tags_) {
    if (positions[tag.channel]) {
      append_entry(text, tag.value, *positions[tag.channel]);
    }
  }
  const std::size_t length = text.size() - begin;
  if (length == 1 || length > kMaxEventId) {
    text.resize(begin);
    return false;
  }
  return true;
}

std::optional<Positions> CursorNames::parse(std::string_view text) const {
  if (text.empty() || text.size() > kMaxEventId) {
    return std::nullopt;
  }
  if (text.front() == kComposite) {
    return parse_composite(text.substr(1));
  }
  const std::optional<StreamId> id = parse_stream_id(text);
  return id && size() == 1 ? std::optional<Positions>({id}) : std::nullopt;
}

std::optional<Positions> CursorNames::parse_composite(std::string_view text) const {
  std::vector<Entry> entries;
  if (!take_entries(text, entries)) {
    return std::nullopt;
  }
  Positions positions(size());
  bool is_any_named = false;
  for (std::size_t i = 0; i < entries.size();) {
    const auto [first, last] =
        std::equal_range(tags_.begin(), tags_.end(), Tag{entries[i].tag, 0}, [](const Tag& a, const Tag& b) { return a.value < b.value; });
    std::size_t same = 1;
    while (i + same < entries.size() && entries[i + same].tag == entries[i].tag) {
      ++same;
    }
    const auto own = static_cast<std::size_t>(last - first);
    if (same != std::max<std::size_t>(own, 1)) {
      return std::nullopt;
    }
    for (std::size_t k = 0; k < own; ++k) {
      positions[first[static_cast<std::ptrdiff_t>(k)].channel] = entries[i + k].position;
    }
    is_any_named = is_any_named || own != 0;
    i += same;
  }
  return is_any_named ? std::optional<Positions>(std::move(positions)) : std::nullopt;
}

}  // namespace sse
