// The bare loops that an event stream server is compared with: see --help.

#include "loop.hpp"

#include <sys/prctl.h>

#include <CLI/CLI.hpp>

#include <csignal>
#include <cstdio>
#include <stdexcept>

int main(int argc, char** argv) {
  CLI::App app{"Sends what Redis publishes to all connections: an event stream server without the server."};
  std::string mode = "send";
  std::string host = "127.0.0.1";
  uint16_t port = 0;
  uint16_t redis = 6379;
  app.add_option("--mode", mode,
                 "send: one send() per message and subscriber; batch: one per turn for all that is pending; "
                 "uring: as batch, the sends of a turn submitted together through io_uring")
      ->check(CLI::IsMember({"send", "batch", "uring"}));
  app.add_option("--port", port, "to listen at")->required();
  app.add_option("--redis-host", host)->capture_default_str();
  app.add_option("--redis-port", redis)->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  try {
    sse::bench::Loop loop(mode == "uring" ? sse::bench::make_uring_sender() : sse::bench::make_plain_sender(), mode == "send");
    loop.connect_redis(host, redis);
    loop.listen(port);
    loop.run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bare: %s\n", error.what());
    return 1;
  }
}
