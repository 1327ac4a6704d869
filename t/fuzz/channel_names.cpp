// Lists of channels, channel names, and text that is put into a glob pattern.
#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "channel_name.hpp"
#include "input.hpp"
#include "reference_glob.hpp"
#include "require.hpp"

using namespace sse;

namespace {

void check_list(const std::string& list) {
  std::vector<std::string_view> parts;
  const bool is_list = split_channel_list(list, parts);
  const bool has_empty_part = list.empty() || list.front() == ',' || list.back() == ',' || list.find(",,") != std::string::npos;
  fuzz::require(is_list == !has_empty_part, "a list has no empty part");

  std::string joined;
  for (const std::string_view part : parts) {
    fuzz::require(!part.empty() && part.find(',') == std::string_view::npos, "a part is a name");
    joined.append(part).push_back(',');
  }
  if (is_list) {
    fuzz::require(joined == list + ',', "the parts are the list");
  } else {
    const std::string after = list + ',';
    fuzz::require(after.compare(0, joined.size(), joined) == 0 && after[joined.size()] == ',', "the parts end before the empty one");
  }
}

void check_name(std::string_view name) {
  const bool has_control = std::any_of(name.begin(), name.end(), [](unsigned char c) { return c < ' ' || c == 127; });
  const bool is_valid = !name.empty() && name.size() <= 256 && !has_control && name.substr(0, 10) != "sse:probe:";
  fuzz::require((channel_name_error(name) == nullptr) == is_valid, "what is wrong with a name is told");
  fuzz::require(is_valid_channel_name(name) == is_valid, "a name is valid or wrong");
}

// The largest glob that a configuration can make of the text: alone, with text and stars around it, and within brackets.
void check_glob(const std::string& text, const std::string& other) {
  const std::string glob = escape_glob(text);
  fuzz::require(reference::glob_matches(glob, text), "escaped text matches itself");
  fuzz::require(reference::glob_matches(glob, other) == (text == other), "escaped text matches nothing else");

  const std::string within = "a?*" + glob + "[xy]";
  fuzz::require(reference::glob_matches(within, "ab" + text + "x"), "escaped text matches itself within a glob");
  const bool surrounds = other.size() >= text.size() + 3 && other[0] == 'a' && (other.back() == 'x' || other.back() == 'y') &&
                         other.compare(other.size() - 1 - text.size(), text.size(), text) == 0;
  fuzz::require(reference::glob_matches(within, other) == surrounds, "escaped text matches nothing else within a glob");

  const std::string bracket = "[" + glob + "]";
  const std::string bytes = text.empty() ? std::string() : text + other + "\\]^-";
  for (const char c : std::set<char>(bytes.begin(), bytes.end())) {
    const bool is_in_text = text.find(c) != std::string::npos;
    fuzz::require(reference::glob_matches(bracket, std::string(1, c)) == is_in_text, "escaped text is a set within brackets");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::string text(input.line());
  const std::string other(input.rest());
  check_list(text);
  check_list(other);
  check_name(text);
  check_name(other);
  check_glob(text, other);
  check_glob(text, "ab" + text + "y");
  return 0;
}
