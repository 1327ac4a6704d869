#pragma once

#include "shared.hpp"

#include <sys/types.h>

#include <functional>
#include <vector>

namespace sse::bench {

// The generator's processes. Each gets the read end of a pipe, and ends when that does: also when the parent was killed.
class Children {
 public:
  explicit Children(Shared& shared) : shared_(shared) {}
  Children(const Children&) = delete;
  Children& operator=(const Children&) = delete;
  ~Children();

  // Runs body(control) in a process of its own; returns its place.
  size_t start(const std::function<void(int control)>& body);

  void send(size_t child, char command);
  void end(size_t child);  // asks it to end, and waits
  bool has_ended(size_t child);

  // Throws std::runtime_error with what a child complains about.
  void check();

 private:
  struct Child {
    pid_t pid;
    int control;
  };

  Shared& shared_;
  std::vector<Child> children_;
};

}  // namespace sse::bench
