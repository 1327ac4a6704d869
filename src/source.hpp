// What a broker offers of one type of channels, to one worker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "topic.hpp"

namespace sse {

class Source {
 public:
  enum class Limit : std::uint8_t { worker_channels, subscribers };
  struct LimitReached {
    Limit limit;
    std::string_view channel;  // of `channels`
  };

  // Why a subscriber of these channels may not come, if so. `max_subscribers`: most of one channel here, 0: any number.
  virtual std::optional<LimitReached> limit_reached(const std::vector<ChannelName>& channels, std::size_t max_subscribers,
                                                    std::uint64_t now_ms) = 0;

  // Adds one channel or pattern to a waiting subscriber, as its subscription number `index`.
  virtual void add(Subscriber& subscriber, std::size_t index, TopicKind kind, std::string_view name, std::uint64_t now_ms) = 0;

  // All are added: the hub admits the subscriber as soon as all are confirmed, at once if they are.
  virtual void subscribe(Subscriber& subscriber) = 0;

  // The subscriber goes away. The hub has forgotten it.
  virtual void leave(Subscriber& subscriber, std::uint64_t now_ms) = 0;

 protected:
  ~Source() = default;
};

// Why a subscriber of these channels may not come, if so; `find` gives a channel's topic, or null. See Source::limit_reached.
template <class Find>
std::optional<Source::LimitReached> find_limit(const TopicBudget& budget, const std::vector<ChannelName>& channels,
                                               std::size_t max_subscribers, Find find) {
  std::size_t added = 0;
  for (const ChannelName& channel : channels) {
    const Topic* topic = find(channel);
    if (topic == nullptr) {
      ++added;
      if (!budget.has_room_for(added)) {
        return Source::LimitReached{Source::Limit::worker_channels, channel.name};
      }
    } else if (max_subscribers != 0 && topic->readers() >= max_subscribers) {
      return Source::LimitReached{Source::Limit::subscribers, channel.name};
    }
  }
  return std::nullopt;
}

}  // namespace sse
