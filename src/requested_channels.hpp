// The channels and patterns that one request asks for.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "topic.hpp"

namespace sse {

// In the order in which they were named, each once. Requests come from anybody: many names, or unwise ones, must not cost much each.
class RequestedChannels {
 public:
  explicit RequestedChannels(std::size_t limit) : limit_(limit) {}  // 0: any number

  // False when the name is wrong or one too many: `error` says so, to a client.
  bool add(TopicKind kind, std::string_view name, std::string& error);

  std::vector<ChannelName> take() { return std::move(channels_); }

 private:
  bool is_known(const ChannelName& channel);

  const std::size_t limit_;
  std::vector<ChannelName> channels_;
  std::set<std::pair<TopicKind, std::string>> known_;  // in use once there are more than a few
};

}  // namespace sse
