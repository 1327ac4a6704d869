#include "stream_page.hpp"

namespace sse {

std::uint64_t StreamPages::hash(const StreamEntry& entry) const {
  if (entry.is_cut) {
    return 0;
  }
  constexpr std::uint64_t kMix = 0x9E3779B97F4A7C15;  // odd, so that no bit is lost
  std::uint64_t hash = entry.fields.size();
  for (const redis::ReplyView field : entry.fields) {
    hash = hash * kMix + (field.is_text() ? hash_(field.text()) : 1);
  }
  return hash == 0 ? 1 : hash;
}

}  // namespace sse
