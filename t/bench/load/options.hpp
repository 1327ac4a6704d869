#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sse::bench {

struct Url {
  std::string scheme;
  std::string host;
  uint16_t port = 0;
  std::string path;  // with its query

  static Url parse(const std::string& text);  // throws std::invalid_argument

  // The path with the placeholder replaced.
  std::string path_for(std::string_view channels) const;
};

enum class Mode { connect, idle, closed, paced, bursts, replay };

// While subscribers are open.
constexpr bool publishes(Mode mode) { return mode == Mode::closed || mode == Mode::paced || mode == Mode::bursts; }

struct Options {
  Url url;
  std::optional<Url> publish;
  Mode mode = Mode::closed;
  bool is_http2 = false;
  bool is_entries = false;  // of streams (XADD), not PUBLISH
  uint32_t maxlen = 10'000;

  uint32_t subscribers = 1000;
  uint32_t channels = 1;
  uint32_t channels_each = 1;     // per subscriber
  uint32_t publish_channels = 0;  // 0: all
  std::string prefix;             // of the names of channels
  uint32_t processes = 0;         // 0: as many as the file limit asks for
  uint32_t connecting = 128;      // connections being opened at once, per process
  double stalled = 0;             // share of subscribers that stop reading

  uint32_t messages = 100;
  double rate = 100;
  double seconds = 3;
  uint32_t burst = 10;
  uint32_t interval_ms = 100;
  size_t payload = 100;
  double quiet_seconds = 5;  // so long without a delivery: no more will come
  double connect_seconds = 60;
  double warm_up_least_seconds = 0;
  double warm_up_seconds = 30;

  std::vector<pid_t> server_pids;
  std::vector<pid_t> broker_pids;
  std::string probe;  // path of a file on the same server
  double probe_rate = 200;
  std::string label;
  uint64_t entry_ms = 0;  // mode replay: the first half of all ids of entries

  static Options parse(int argc, char** argv);  // exits on --help and on errors

  std::string channel_name(uint32_t channel) const { return prefix + std::to_string(channel); }
  uint32_t first_channel(uint32_t subscriber) const { return static_cast<uint32_t>(uint64_t{subscriber} * channels_each % channels); }
  uint32_t stalled_count() const { return static_cast<uint32_t>(stalled * subscribers); }
  // The last ones stop reading.
  bool is_stalled(uint32_t subscriber) const { return subscriber >= subscribers - stalled_count(); }

  // Mode replay: a stream holds the entries 0 to `messages`, and a subscriber has had one of 0 to `messages` - 1 last. These are spread
  // evenly, and who stands next to each other does not connect next to each other.
  uint32_t had_last(uint32_t subscriber) const;
  std::string entry_id(uint32_t entry) const { return std::to_string(entry_ms) + "-" + std::to_string(entry); }
};

}  // namespace sse::bench
