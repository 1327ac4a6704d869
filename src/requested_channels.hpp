// The channels and patterns that one request asks for.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "durable_options.hpp"
#include "topic.hpp"

namespace sse {

// In the order in which they were named, each once. Requests come from anybody: many names, or unwise ones, must not cost much each.
class RequestedChannels {
 public:
  // A limit of 0: any number; of type "stream" at most kMaxDurableChannels all the same.
  explicit RequestedChannels(std::size_t limit, ChannelType type = ChannelType::pubsub);

  // False when the name is wrong or one too many: `error` says so, to a client.
  bool add(TopicKind kind, std::string_view name, std::string& error);

  std::vector<ChannelName> take() { return std::move(channels_); }

 private:
  bool is_known(const ChannelName& channel);

  std::size_t limit_;
  const char* of_type_ = "";  // for whom the limit is, in the error
  std::vector<ChannelName> channels_;
  std::set<std::pair<TopicKind, std::string>> known_;  // in use once there are more than a few
};

}  // namespace sse
