#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

namespace sse::bench {

// CPU time and memory of the server's processes, and the kernel's memory for sockets.
class Usage {
 public:
  // The given processes and their children, as they are now.
  explicit Usage(const std::vector<pid_t>& pids);

  const std::vector<pid_t>& pids() const { return pids_; }

  int64_t cpu_ns() const;     // user and system time
  int64_t pss_bytes() const;  // what they have in RAM; of a page that several share, their part

  // Of the whole machine, both ends of each connection. Of the slab, what a socket is made of; -1 if the kernel does not tell.
  static int64_t socket_buffer_bytes();
  static int64_t slab_bytes();

  // Waits until the server has nothing more to do, or `limit_ns` have passed.
  void wait_until_idle(int64_t limit_ns) const;

 private:
  std::vector<pid_t> pids_;
};

}  // namespace sse::bench
