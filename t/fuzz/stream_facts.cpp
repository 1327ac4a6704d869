// Ids from clients and answers from servers: an id is what another parser reads, facts do not contradict themselves, and whatever they are,
// every cursor gets a verdict, and a reset leads to a position that continues.
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "continuity.hpp"
#include "input.hpp"
#include "reply_reader.hpp"
#include "require.hpp"
#include "stream_facts.hpp"
#include "stream_id.hpp"

using namespace sse;

namespace {

// By hand, digit by digit: what the one in src/ leaves to the library.
std::optional<std::uint64_t> reference_number(std::string_view text) {
  unsigned __int128 number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') {
      return std::nullopt;
    }
    number = number * 10 + static_cast<unsigned>(c - '0');
    if (number > std::numeric_limits<std::uint64_t>::max()) {
      return std::nullopt;
    }
  }
  return text.empty() ? std::nullopt : std::make_optional(static_cast<std::uint64_t>(number));
}

std::optional<StreamId> reference_id(std::string_view text) {
  const std::size_t dash = text.find('-');
  const auto ms = reference_number(text.substr(0, dash));
  const auto seq = dash == std::string_view::npos ? std::make_optional(std::uint64_t{0}) : reference_number(text.substr(dash + 1));
  return ms && seq && text.size() <= StreamId::kMaxTextBytes ? std::make_optional(StreamId{*ms, *seq}) : std::nullopt;
}

StreamId check_id(std::string_view text) {
  const std::optional<StreamId> id = parse_stream_id(text);
  fuzz::require(id == reference_id(text), "an id is what another parser reads");
  if (!id) {
    return kFirstStreamId;
  }
  fuzz::require(parse_stream_id(to_string(*id)) == id, "an id that is written is read again");
  fuzz::require(*id == kLastStreamId || (*id < id->next() && id->next().previous() == *id), "the next id is after it");
  fuzz::require(*id == kFirstStreamId || (id->previous() < *id && id->previous().next() == *id), "the previous id is before it");
  return *id;
}

void check_facts(const StreamFacts& facts, StreamId cursor) {
  if (facts.exists) {
    fuzz::require(facts.first.has_value() == (facts.length != 0) && facts.last.has_value() == (facts.length != 0), "entries have ends");
    fuzz::require(!facts.first || (*facts.first <= *facts.last && *facts.last <= facts.last_generated), "ids are in order");
  }
  for (const StreamId id : {cursor, cursor.next(), cursor.previous(), kFirstStreamId, kLastStreamId, facts.max_deleted}) {
    const Continuity verdict = judge_cursor(id, facts);
    if (verdict != Continuity::continuous) {
      const StreamId position = reset_position(verdict, facts);
      fuzz::require(judge_cursor(position, facts) == Continuity::continuous, "a reset leads to a position that continues");
      fuzz::require(!facts.first || position < *facts.first, "a reset leads to every retained entry");
    }
  }
}

}  // namespace

// The input: a cursor up to the line's end, then what a server answers.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const StreamId cursor = check_id(input.line());
  redis::ReplyReader reader({});
  redis::ReplyView reply;
  if (reader.feed(input.rest())) {
    while (reader.next(reply) == redis::ReplyReader::Result::reply) {
      if (const std::optional<StreamFacts> facts = parse_stream_facts(reply)) {
        check_facts(*facts, cursor);
      }
    }
  }
  return 0;
}
