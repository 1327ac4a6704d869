// Pages of a stream: how many entries to ask for, and what comes back.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "secret_hash.hpp"
#include "stream_entry.hpp"
#include "stream_id.hpp"

namespace sse {

// What readers of streams call an answer that is none, and one that a replica cannot give (its first word is Redis's for that).
inline constexpr std::string_view kStrangeAnswer = "the server's answer about the stream makes no sense";
inline constexpr std::string_view kUntrusted = "MASTERDOWN this replica may lack what others have read";

// As parse_stream_entry, but nothing also where a name has no value.
inline std::optional<StreamEntry> parse_page_entry(redis::ReplyView element) {
  const std::optional<StreamEntry> entry = parse_stream_entry(element);
  return entry && entry->fields.size() % 2 == 0 ? entry : std::nullopt;
}

// Nothing can be missing between these, as no id lies between.
inline bool are_adjacent(StreamId position, const std::optional<StreamEntry>& next) { return next && position.next() == next->id; }

// The size of the largest of the newest entries, in bytes.
class EntrySize {
 public:
  void note(std::size_t bytes) {
    largest_ = std::max(largest_, bytes);
    latest_ = std::max(latest_, bytes);
    if (++count_ == kForget) {
      largest_ = latest_;
      latest_ = 0;
      count_ = 0;
    }
  }
  std::size_t bytes() const { return largest_; }  // 0: not known

 private:
  static constexpr std::uint32_t kForget = 256;  // entries, after which one large one counts no more

  std::size_t largest_ = 0;
  std::size_t latest_ = 0;
  std::uint32_t count_ = 0;
};

class StreamPages {
 public:
  explicit StreamPages(const HashSecret& secret) : hash_(secret) {}

  // How many entries to ask for at once. Redis bounds a reply by their number only.
  std::size_t count(const EntrySize& size) const {
    if (size.bytes() == 0) {
      return kUnknownCount;
    }
    return std::clamp<std::size_t>(kPageBytes / size.bytes(), kSmallestCount, kLargestCount);
  }

  // Of the entry's names and values; 0, which no other has, when some of them were cut.
  std::uint64_t hash(const StreamEntry& entry) const;

  static constexpr std::size_t kPageBytes = std::size_t{1024} * 1024;

 private:
  static constexpr std::size_t kUnknownCount = 16;
  static constexpr std::size_t kSmallestCount = 2;  // the last one again, and one more
  static constexpr std::size_t kLargestCount = 1000;

  SecretHash hash_;
};

}  // namespace sse
