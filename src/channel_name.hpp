// Channel names as users and requests give them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sse {

inline constexpr std::size_t kMaxChannelName = 256;  // bytes

// What the channels by which delivery is probed begin with, those of every worker and host.
inline constexpr std::string_view kProbeChannelPrefix = "sse:probe:";

// 1 to kMaxChannelName bytes, none below 0x20 and no 0x7f; not a probe's: who leaves it would end the probe's subscription too.
bool is_valid_channel_name(std::string_view name);

// What is wrong with the name, to follow "channel name " in a message; null when it is valid.
const char* channel_name_error(std::string_view name);

// A Redis glob that matches `text` only, and stays literal wherever it is put into a larger glob, inside brackets too.
std::string escape_glob(std::string_view text);

// Appends the parts of `list` between commas to `out`, as they are: no trimming, no escapes. False when a part is empty; `out` then
// holds the parts before it.
bool split_channel_list(std::string_view list, std::vector<std::string_view>& out);

}  // namespace sse
