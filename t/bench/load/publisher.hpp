#pragma once

#include "options.hpp"
#include "shared.hpp"

#include <memory>
#include <string>

namespace sse::bench {

// Where messages go in. A message counts as published when accept() has returned: the server has answered it.
class Publisher {
 public:
  virtual ~Publisher() = default;
  virtual void publish(const std::string& channel, const std::string& payload) = 0;
  virtual void accept() = 0;
};

// For --publish and --entries; a failure ends the process with a complaint.
std::unique_ptr<Publisher> make_publisher(const Options& options, Shared& shared);

}  // namespace sse::bench
