#include "children.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <stdexcept>
#include <string>

namespace sse::bench {

Children::~Children() {
  for (size_t i = 0; i < children_.size(); ++i) {
    if (children_[i].pid > 0) {
      kill(children_[i].pid, SIGKILL);
      end(i);
    }
  }
}

size_t Children::start(const std::function<void(int control)>& body) {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) {
    throw std::runtime_error(std::string("pipe: ") + std::strerror(errno));
  }
  pid_t parent = getpid();
  pid_t pid = fork();
  if (pid < 0) {
    throw std::runtime_error(std::string("fork: ") + std::strerror(errno));
  }
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
      std::_Exit(1);  // it died before we could ask for the signal
    }
    close(ends[1]);
    for (const Child& other : children_) {
      close(other.control);  // -1 if it has ended
    }
    try {
      body(ends[0]);
    } catch (const std::exception& error) {
      shared_.fail("%s", error.what());
    }
    std::_Exit(0);  // the kernel frees thousands of sockets more quickly than destructors do
  }
  close(ends[0]);
  children_.push_back({pid, ends[1]});
  return children_.size() - 1;
}

void Children::send(size_t child, char command) { [[maybe_unused]] ssize_t n = write(children_[child].control, &command, 1); }

void Children::end(size_t child) {
  Child& it = children_[child];
  close(it.control);
  it.control = -1;
  if (it.pid > 0) {
    waitpid(it.pid, nullptr, 0);
    it.pid = 0;
  }
}

bool Children::has_ended(size_t child) {
  Child& it = children_[child];
  int status = 0;
  if (it.pid > 0 && waitpid(it.pid, &status, WNOHANG) == it.pid) {
    it.pid = 0;
    if (status != 0 && !shared_.complaint.is_made) {
      throw std::runtime_error("a process of the generator died");
    }
  }
  return it.pid == 0;
}

void Children::check() {
  for (size_t i = 0; i < children_.size(); ++i) {
    has_ended(i);
  }
  if (shared_.complaint.is_made) {
    throw std::runtime_error(shared_.complaint.text.data());
  }
}

}  // namespace sse::bench
