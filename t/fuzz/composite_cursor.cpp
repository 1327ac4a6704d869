// Cursors of one or several durable channels: what comes from a client, and what was written for one.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "composite_cursor.hpp"
#include "event.hpp"
#include "input.hpp"
#include "reference_cursor.hpp"
#include "require.hpp"

using namespace sse;

namespace {

// The second and the third have the same tag, and so have the fourth and the fifth.
const std::vector<std::string> kNames = {"news",      "room:1251", "room:2357", "room:2094", "room:4200", "orders",
                                         "room:4844", "a",         "b",         "c",         "d",         "e"};

std::vector<std::string> choose_names(fuzz::Input& input) {
  std::vector<std::string> names;
  const unsigned chosen = input.byte() | static_cast<unsigned>(input.byte()) << 8;
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if ((chosen >> i & 1U) != 0) {
      names.push_back(kNames[i]);
    }
  }
  if ((chosen >> kNames.size() & 1U) != 0) {
    std::reverse(names.begin(), names.end());
  }
  return names;
}

bool is_named(const std::vector<std::string>& names, std::string_view tag) {
  return std::any_of(names.begin(), names.end(), [tag](const std::string& name) { return reference::tag(name) == tag; });
}

// The canonical text of what was found in a text is the text, but for the channels that are not in the set.
void check_found(const std::vector<std::string>& names, std::string_view text, const Positions& found) {
  fuzz::require(found.size() == names.size(), "each channel has its place");
  std::vector<std::pair<std::string, StreamId>> positions;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (found[i]) {
      positions.emplace_back(names[i], *found[i]);
    }
  }
  fuzz::require(!positions.empty(), "a cursor is of a channel of the set");
  if (text.front() != 's') {
    fuzz::require(names.size() == 1 && parse_stream_id(text) == found.front(), "an id is of one channel");
    return;
  }
  std::string of_the_set = "s";
  for (const std::string& entry : reference::split_cursor(text)) {
    of_the_set += is_named(names, entry.substr(0, 4)) ? entry : std::string();
  }
  fuzz::require(of_the_set == reference::cursor(positions), "a cursor has one text");
}

// Whether all positions of a tag are known, or none.
bool is_every_tag_whole(const std::vector<std::string>& names, const Positions& positions) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    for (std::size_t k = 0; k < i; ++k) {
      if (reference::tag(names[i]) == reference::tag(names[k]) && positions[i].has_value() != positions[k].has_value()) {
        return false;
      }
    }
  }
  return true;
}

std::uint64_t number(fuzz::Input& input) {
  std::uint64_t value = 0;
  for (std::size_t bytes = input.below(9); bytes != 0; --bytes) {
    value = value << 8 | input.byte();
  }
  return value;
}

std::string write(const CursorNames& cursor, const std::vector<std::string>& names, fuzz::Input& input) {
  Positions positions(names.size());
  std::vector<std::pair<std::string, StreamId>> known;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (input.coin()) {
      const std::uint64_t ms = number(input);
      positions[i] = StreamId{ms, number(input)};
      known.emplace_back(names[i], *positions[i]);
    }
  }
  std::string text;
  if (!cursor.append(text, positions)) {
    fuzz::require(text.empty(), "what does not fit leaves nothing behind");
    fuzz::require(known.empty() || reference::cursor(known).size() > kMaxEventId, "what fits is written");
    return text;
  }
  fuzz::require(is_valid_event_id(text), "a cursor is an event id");
  const std::optional<Positions> found = cursor.parse(text);
  if (names.size() == 1 || is_every_tag_whole(names, positions)) {
    fuzz::require(found == positions, "what was written is read");
  } else {
    fuzz::require(!found, "which of the channels with the same tag is meant is not guessed");
  }
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::vector<std::string> names = choose_names(input);
  const std::vector<std::string> later = choose_names(input);
  const CursorNames cursor({names.begin(), names.end()});
  const CursorNames later_cursor({later.begin(), later.end()});

  std::string text = input.coin() ? write(cursor, names, input) : std::string();
  if (!text.empty() && input.coin()) {
    text.insert(input.below(text.size()), input.text());
  }
  text += input.rest();
  if (const std::optional<Positions> found = later_cursor.parse(text)) {
    check_found(later, text, *found);
  }
  return 0;
}
