#pragma once

#include "options.hpp"
#include "publisher.hpp"
#include "shared.hpp"

#include <cstdint>
#include <memory>
#include <vector>

namespace sse::bench {

// The publishing process: what is sent when.
class Traffic {
 public:
  // `progress` is an eventfd that a reader writes to when all that was published has arrived.
  Traffic(const Options& options, Shared& shared, int progress);

  // Publishes until a message has reached every subscriber on every channel of its own, and --warm-up is over: a server that sends its
  // header before it has subscribed is given the time to do so.
  void warm_up();

  void run();

 private:
  void closed_loop();
  void paced();
  void bursts();
  void publish(uint64_t number, int64_t due_ns);
  bool wait_for_all();

  const Options& options_;
  Shared& shared_;
  int progress_;
  std::unique_ptr<Publisher> publisher_;
  std::vector<uint32_t> audience_;  // per channel, subscribers that read
  std::vector<uint32_t> sequence_;  // per channel
};

}  // namespace sse::bench
