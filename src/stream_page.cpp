#include "stream_page.hpp"

namespace sse {

std::optional<StreamEntryView> view_entry(redis::ReplyView element) {
  if (element.size() != 2) {
    return std::nullopt;
  }
  auto part = element.begin();
  const std::string_view text = (*part).text();
  const std::optional<StreamId> id = parse_stream_id(text);
  ++part;
  if (!id || !((*part).is_cut() || (*part).size() % 2 == 0)) {
    return std::nullopt;
  }
  StreamEntryView entry{*id, text, *part, 0, (*part).is_cut()};
  entry.bytes = entry.is_cut ? (*part).cut_bytes() : 0;
  for (const redis::ReplyView field : entry.fields) {
    entry.bytes += field.is_cut() ? field.cut_bytes() : field.text().size();
    entry.is_cut = entry.is_cut || field.is_cut();
  }
  return entry;
}

std::uint64_t StreamPages::hash(const StreamEntryView& entry) const {
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
