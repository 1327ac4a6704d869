#include "requested_channels.hpp"

#include <algorithm>

#include "channel_name.hpp"

namespace sse {

namespace {

constexpr std::size_t kFew = 32;  // faster compared one by one than looked up

}  // namespace

RequestedChannels::RequestedChannels(std::size_t limit, ChannelType type) : limit_(limit) {
  if (type == ChannelType::stream && (limit == 0 || limit > kMaxDurableChannels)) {
    limit_ = kMaxDurableChannels;
    of_type_ = " of type \"stream\"";
  }
}

bool RequestedChannels::add(TopicKind kind, std::string_view name, std::string& error) {
  if (const char* wrong = channel_name_error(name)) {
    error = std::string("channel name ") + wrong;
    return false;
  }
  ChannelName channel{kind, std::string(name)};
  if (is_known(channel)) {
    return true;
  }
  if (limit_ != 0 && channels_.size() == limit_) {
    error = "too many channels: at most " + std::to_string(limit_) + of_type_ + " are allowed on one connection";
    return false;
  }
  channels_.push_back(std::move(channel));
  return true;
}

bool RequestedChannels::is_known(const ChannelName& channel) {
  if (channels_.size() < kFew) {
    return std::find(channels_.begin(), channels_.end(), channel) != channels_.end();
  }
  if (known_.empty()) {
    for (const ChannelName& earlier : channels_) {
      known_.emplace(earlier.kind, earlier.name);
    }
  }
  return !known_.emplace(channel.kind, channel.name).second;
}

}  // namespace sse
