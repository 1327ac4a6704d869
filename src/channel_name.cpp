#include "channel_name.hpp"

#include "printable.hpp"

namespace sse {

const char* channel_name_error(std::string_view name) {
  if (name.empty()) {
    return "is empty";
  }
  if (name.size() > kMaxChannelName) {
    static_assert(kMaxChannelName == 256, "named in the message");
    return "is longer than 256 bytes";
  }
  for (const char c : name) {
    if (is_control(c)) {
      return "contains a control character";
    }
  }
  if (name.substr(0, kProbeChannelPrefix.size()) == kProbeChannelPrefix) {
    return "begins with \"sse:probe:\", which is reserved";
  }
  return nullptr;
}

bool is_valid_channel_name(std::string_view name) { return channel_name_error(name) == nullptr; }

std::string escape_glob(std::string_view text) {
  // The last three are special inside brackets only, but what stands around the text is not known here. Redis takes any escaped
  // character literally.
  constexpr std::string_view kSpecial = "*?[\\]^-";
  std::string escaped;
  escaped.reserve(text.size());
  for (const char c : text) {
    if (kSpecial.find(c) != std::string_view::npos) {
      escaped.push_back('\\');
    }
    escaped.push_back(c);
  }
  return escaped;
}

bool split_channel_list(std::string_view list, std::vector<std::string_view>& out) {
  for (;;) {
    const std::size_t comma = list.find(',');
    const std::string_view item = list.substr(0, comma);
    if (item.empty()) {
      return false;
    }
    out.push_back(item);
    if (comma == std::string_view::npos) {
      return true;
    }
    list.remove_prefix(comma + 1);
  }
}

}  // namespace sse
