#include "options.hpp"

#include "shared.hpp"
#include "stamp.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <chrono>
#include <map>
#include <numeric>
#include <stdexcept>

namespace sse::bench {

namespace {

constexpr uint32_t kOwnFiles = 64;  // descriptors that a reader needs beside its subscribers'

uint32_t file_limit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<uint32_t>(std::min<rlim_t>(limit.rlim_cur, 1'000'000));
}

void choose_processes(Options& options) {
  uint32_t limit = file_limit();
  if (limit <= kOwnFiles) {
    throw std::invalid_argument("the limit of open files is " + std::to_string(limit) + ": raise it (ulimit -n)");
  }
  uint32_t each = limit - kOwnFiles;
  uint32_t needed = (options.subscribers + each - 1) / each;
  options.processes = std::max({options.processes, needed, 1U});
  if (options.processes > kMostReaders) {
    throw std::invalid_argument(std::to_string(options.subscribers) + " subscribers need " + std::to_string(options.processes) +
                                " processes at a limit of " + std::to_string(limit) + " open files; at most " +
                                std::to_string(kMostReaders));
  }
}

void check(Options& options) {
  if (options.subscribers == 0 || options.channels == 0 || options.channels_each == 0) {
    throw std::invalid_argument("--subscribers, --channels and --channels-each are at least 1");
  }
  if (options.channels_each > options.channels) {
    throw std::invalid_argument("--channels-each is at most --channels");
  }
  if (options.payload < Stamp::kLength) {
    throw std::invalid_argument("--payload is at least " + std::to_string(Stamp::kLength));
  }
  if (options.stalled < 0 || options.stalled >= 1) {
    throw std::invalid_argument("--stalled is a share: 0.01 for 1 %");
  }
  if ((publishes(options.mode) || options.mode == Mode::replay) && !options.publish) {
    throw std::invalid_argument("this mode needs --publish");
  }
  if (options.mode == Mode::replay) {
    options.is_entries = true;
    if (options.channels_each != 1 || options.stalled > 0 || options.messages == 0) {
      throw std::invalid_argument("mode replay: one channel each, nobody stalled, at least one message");
    }
  }
  if (options.is_entries && options.publish && options.publish->scheme != "redis") {
    throw std::invalid_argument("entries are published to redis://");
  }
  if (options.url.scheme != "http" && options.url.scheme != "https") {
    throw std::invalid_argument("--url is http:// or https://");
  }
  if (options.publish_channels == 0 || options.publish_channels > options.channels) {
    options.publish_channels = options.channels;
  }
  if (options.prefix.empty()) {
    options.prefix = "bench" + std::to_string(getpid()) + "-";  // what an earlier run left in a buffer is not for us
  }
}

}  // namespace

Url Url::parse(const std::string& text) {
  Url url;
  size_t scheme = text.find("://");
  if (scheme == std::string::npos) {
    throw std::invalid_argument("\"" + text + "\" is not a URL: scheme://address[:port][/path]");
  }
  url.scheme = text.substr(0, scheme);
  size_t begin = scheme + 3;
  size_t slash = std::min(text.find('/', begin), text.size());
  size_t colon = text.find(':', begin);
  url.path = slash < text.size() ? text.substr(slash) : "/";
  if (colon < slash) {
    url.host = text.substr(begin, colon - begin);
    int port = std::atoi(text.substr(colon + 1, slash - colon - 1).c_str());
    if (port < 1 || port > 65535) {
      throw std::invalid_argument("\"" + text + "\" has a wrong port");
    }
    url.port = static_cast<uint16_t>(port);
  } else {
    url.host = text.substr(begin, slash - begin);
    url.port = url.scheme == "redis" ? 6379 : url.scheme == "https" ? 443 : 80;
  }
  return url;
}

std::string Url::path_for(std::string_view channels) const {
  constexpr std::string_view kPlaceholder = "{}";
  std::string result = path;
  size_t at = result.find(kPlaceholder);
  return at == std::string::npos ? result : result.replace(at, kPlaceholder.size(), channels);
}

uint32_t Options::had_last(uint32_t subscriber) const {
  constexpr double kGolden = 0.618;
  auto step = std::max<uint64_t>(1, static_cast<uint64_t>(kGolden * subscribers));
  while (std::gcd(step, uint64_t{subscribers}) != 1) {
    ++step;
  }
  uint64_t rank = subscriber * step % subscribers;
  return static_cast<uint32_t>(rank * messages / subscribers);
}

Options Options::parse(int argc, char** argv) {
  Options options;
  std::string url;
  std::string publish;
  CLI::App app{
      "Load generator for Server-Sent Events: opens many subscribers, publishes, counts and times every delivery.\n"
      "Prints JSON on stdout and a table on stderr; ends with 1 if something was lost."};
  app.add_option("--url", url, "of the stream; {} becomes the channel's name (or several, comma-separated)")->required();
  app.add_option("--publish", publish, "where: redis://address:port, or http://address:port/path with {} (POST)");
  const std::map<std::string, Mode> modes{{"connect", Mode::connect}, {"idle", Mode::idle},     {"closed", Mode::closed},
                                          {"paced", Mode::paced},     {"bursts", Mode::bursts}, {"replay", Mode::replay}};
  app.add_option("--mode", options.mode,
                 "connect: only open; idle: also wait --seconds; closed: the next message when all have the last; "
                 "paced: --rate for --seconds; bursts: --burst each --interval-ms for --seconds; "
                 "replay: all connect when there are --messages entries, with ids spread over them, and read up to the last")
      ->transform(CLI::CheckedTransformer(modes).description("{connect,idle,closed,paced,bursts,replay}"));
  app.add_flag("--entries", options.is_entries, "publish with XADD: entries of streams");
  app.add_option("--maxlen", options.maxlen, "of these streams, about")->capture_default_str();
  app.add_flag("--http2", options.is_http2, "each subscriber an HTTP/2 connection");
  app.add_option("--subscribers", options.subscribers)->capture_default_str();
  app.add_option("--channels", options.channels, "the subscribers are spread over them")->capture_default_str();
  app.add_option("--channels-each", options.channels_each, "of one subscriber")->capture_default_str();
  app.add_option("--publish-channels", options.publish_channels, "publish to the first so many only; 0: to all")->capture_default_str();
  app.add_option("--prefix", options.prefix, "of the channels' names");
  app.add_option("--processes", options.processes, "of readers; 0: as many as the file limit asks for")->capture_default_str();
  app.add_option("--connecting", options.connecting, "connections being opened at once, per process")->capture_default_str();
  app.add_option("--stalled", options.stalled, "share of the subscribers that stop reading before the first message")
      ->capture_default_str();
  app.add_option("--messages", options.messages, "modes closed and replay")->capture_default_str();
  app.add_option("--rate", options.rate, "messages per second, mode paced")->capture_default_str();
  app.add_option("--seconds", options.seconds)->capture_default_str();
  app.add_option("--burst", options.burst, "messages")->capture_default_str();
  app.add_option("--interval-ms", options.interval_ms)->capture_default_str();
  app.add_option("--payload", options.payload, "bytes")->capture_default_str();
  app.add_option("--quiet", options.quiet_seconds, "so many seconds without a delivery: no more will come")->capture_default_str();
  app.add_option("--connect-timeout", options.connect_seconds, "for all subscribers together, seconds")->capture_default_str();
  app.add_option("--warm-up", options.warm_up_least_seconds, "publish so many seconds before what is measured, at least")
      ->capture_default_str();
  app.add_option("--warm-up-limit", options.warm_up_seconds, "for a message to reach every subscriber, seconds")->capture_default_str();
  app.add_option("--server-pid", options.server_pids, "whose CPU time and memory to measure, with its children");
  app.add_option("--broker-pid", options.broker_pids, "whose CPU time to measure as the broker's");
  app.add_option("--probe", options.probe, "path of a file on the same server, asked for at --probe-rate beside the messages");
  app.add_option("--probe-rate", options.probe_rate, "per second")->capture_default_str();
  app.add_option("--label", options.label, "copied to the output");
  try {
    app.parse(argc, argv);
    options.url = Url::parse(url);
    if (!publish.empty()) {
      options.publish = Url::parse(publish);
    }
    check(options);
    choose_processes(options);
    auto now = std::chrono::system_clock::now().time_since_epoch();
    options.entry_ms = static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
  } catch (const CLI::ParseError& error) {
    std::exit(app.exit(error));
  } catch (const std::invalid_argument& error) {
    std::fprintf(stderr, "load: %s\n", error.what());
    std::exit(2);
  }
  return options;
}

}  // namespace sse::bench
