#include "probe.hpp"

#include "clock.hpp"
#include "http_exchange.hpp"

#include <poll.h>

namespace sse::bench {

void run_probe(const Options& options, Shared& shared, int control) {
  Url url = options.url;
  url.path = options.probe;
  HttpExchange exchange(url);
  std::string request = "GET " + url.path + " HTTP/1.1\r\nHost: " + url.host + "\r\n\r\n";
  auto interval = static_cast<int64_t>(kSecond / options.probe_rate);
  pollfd end{control, POLLIN, 0};
  // Timed from when it was due: a request that waits for the one before it waits too. All that were due before the end are asked.
  int64_t last = INT64_MAX;
  for (int64_t due = now_ns(); due <= last; due += interval) {
    sleep_until_ns(due);
    if (last == INT64_MAX && poll(&end, 1, 0) != 0) {
      last = now_ns();
    }
    int status = exchange.ask(request);
    if (status != 200) {
      shared.fail("GET %s at %s:%u: %s", url.path.c_str(), url.host.c_str(), unsigned{url.port},
                  status == 0 ? exchange.error().c_str() : ("status " + std::to_string(status)).c_str());
    }
    shared.probe_ns.add(now_ns() - due);
  }
}

}  // namespace sse::bench
