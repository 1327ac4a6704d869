#include "usage.hpp"

#include "clock.hpp"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

namespace sse::bench {

namespace {

pid_t parent_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  size_t end = text.rfind(')');  // of the name, which may contain anything
  if (end == std::string::npos) {
    return 0;
  }
  std::istringstream rest(text.substr(end + 1));
  char state = 0;
  pid_t parent = 0;
  rest >> state >> parent;
  return parent;
}

}  // namespace

Usage::Usage(const std::vector<pid_t>& pids) : pids_(pids) {
  DIR* proc = opendir("/proc");
  while (dirent* entry = readdir(proc)) {
    auto pid = static_cast<pid_t>(std::atoi(entry->d_name));
    if (pid > 0 && std::find(pids.begin(), pids.end(), parent_of(pid)) != pids.end()) {
      pids_.push_back(pid);
    }
  }
  closedir(proc);
}

int64_t Usage::cpu_ns() const {
  int64_t total = 0;
  for (pid_t pid : pids_) {
    clockid_t clock = 0;
    timespec t{};
    if (clock_getcpuclockid(pid, &clock) == 0 && clock_gettime(clock, &t) == 0) {
      total += int64_t{t.tv_sec} * kSecond + t.tv_nsec;
    }
  }
  return total;
}

int64_t Usage::pss_bytes() const {
  int64_t total = 0;
  for (pid_t pid : pids_) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/smaps_rollup");
    for (std::string word; file >> word;) {
      if (word == "Pss:") {
        int64_t kilobytes = 0;
        file >> kilobytes;
        total += kilobytes * 1024;
        break;
      }
    }
  }
  return total;
}

int64_t Usage::socket_buffer_bytes() {
  std::ifstream file("/proc/net/sockstat");
  for (std::string line; std::getline(file, line);) {
    size_t at = line.find(" mem ");
    if (line.rfind("TCP:", 0) == 0 && at != std::string::npos) {
      return std::atoll(line.c_str() + at + 5) * sysconf(_SC_PAGESIZE);
    }
  }
  return -1;
}

int64_t Usage::slab_bytes() {
  // Of other objects (dentries, kmalloc) the machine makes many for other reasons.
  constexpr std::array<std::string_view, 9> kOfSockets{
      "TCP", "TCPv6", "sock_inode_cache", "filp", "skbuff_head_cache", "ep_head", "eventpoll_epi", "eventpoll_pwq", "tcp_bind_bucket"};
  std::ifstream file("/proc/slabinfo");
  int64_t total = 0;
  bool is_any = false;
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string name;
    int64_t active = 0;
    int64_t count = 0;
    int64_t size = 0;
    bool is_read = static_cast<bool>(fields >> name >> active >> count >> size);
    if (is_read && std::find(kOfSockets.begin(), kOfSockets.end(), name) != kOfSockets.end()) {
      total += active * size;
      is_any = true;
    }
  }
  return is_any ? total : -1;
}

void Usage::wait_until_idle(int64_t limit_ns) const {
  constexpr int64_t kWindow = 100 * kMillisecond;
  int64_t end = now_ns() + limit_ns;
  for (int64_t before = cpu_ns(); now_ns() < end;) {
    sleep_until_ns(now_ns() + kWindow);
    int64_t after = cpu_ns();
    if (after - before < kWindow / 100) {
      return;
    }
    before = after;
  }
}

}  // namespace sse::bench
