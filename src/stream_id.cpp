#include "stream_id.hpp"

#include <array>
#include <charconv>

#include "decimal.hpp"

namespace sse {

namespace {

constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
constexpr std::size_t kMaxDigits = std::numeric_limits<std::uint64_t>::digits10 + 1;

void append_decimal(std::string& out, std::uint64_t number) {
  std::array<char, kMaxDigits> text;
  out.append(text.data(), std::to_chars(text.data(), text.data() + text.size(), number).ptr);
}

}  // namespace

StreamId StreamId::next() const {
  if (seq != kMax) {
    return {ms, seq + 1};
  }
  return ms != kMax ? StreamId{ms + 1, 0} : *this;
}

StreamId StreamId::previous() const {
  if (seq != 0) {
    return {ms, seq - 1};
  }
  return ms != 0 ? StreamId{ms - 1, kMax} : *this;
}

std::optional<StreamId> parse_stream_id(std::string_view text) {
  if (text.size() > StreamId::kMaxTextBytes) {
    return std::nullopt;
  }
  StreamId id;
  const std::size_t dash = text.find('-');
  if (!parse_decimal(text.substr(0, dash), id.ms)) {
    return std::nullopt;
  }
  if (dash != std::string_view::npos && !parse_decimal(text.substr(dash + 1), id.seq)) {
    return std::nullopt;
  }
  return id;
}

void append_stream_id(std::string& out, StreamId id) {
  append_decimal(out, id.ms);
  out.push_back('-');
  append_decimal(out, id.seq);
}

std::string to_string(StreamId id) {
  std::string text;
  append_stream_id(text, id);
  return text;
}

}  // namespace sse
