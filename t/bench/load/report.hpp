#pragma once

#include "options.hpp"
#include "shared.hpp"

#include <cstdint>
#include <string>

namespace sse::bench {

// What was measured around the phases of a run; times in nanoseconds.
struct Measurements {
  struct Memory {
    int64_t pss = 0;
    int64_t socket_buffers = 0;
    int64_t slab = 0;
  };

  Memory before, idle, after;  // no subscriber; all of them, no message yet; after the messages
  int64_t connect_wall_ns = 0;
  int64_t connect_cpu_ns = 0;  // until the server had nothing more to do
  int64_t traffic_wall_ns = 0;
  int64_t traffic_cpu_ns = 0;
  int64_t busy_wall_ns = 0;  // of the publishing alone, and the server's CPU time in it
  int64_t busy_cpu_ns = 0;
  int64_t broker_cpu_ns = 0;  // while there was traffic
  int64_t peak_pss = 0;       // mode replay
  bool has_server = false;
  bool has_broker = false;
};

std::string report_json(const Options& options, const Shared& shared, const Measurements& measured);
void print_table(const Options& options, const Shared& shared, const Measurements& measured);

// Whether every message came to everybody once.
bool is_complete(const Shared& shared);

}  // namespace sse::bench
