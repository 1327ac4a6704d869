// A redis-server of the test's own, on a socket in a folder of its own, and one connection that pipelines.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include "redis_reply.hpp"
#include "reply_reader.hpp"

namespace sse::test {

class RealRedis {
 public:
  // Starts it with more arguments than the usual ones, and waits until it takes connections. Throws when it does not.
  explicit RealRedis(const std::vector<std::string>& arguments = {}) {
    std::string name = testing::TempDir() + "sse-redis-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) {
      throw std::runtime_error("no folder for redis-server");
    }
    folder_ = name;
    start(arguments);
    connect();
  }

  ~RealRedis() {
    close(socket_);
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  RealRedis(const RealRedis&) = delete;
  RealRedis& operator=(const RealRedis&) = delete;

  // Takes a command for the next flush.
  void add(const std::vector<std::string>& arguments) {
    const std::vector<std::string_view> views(arguments.begin(), arguments.end());
    redis::append_command(output_, views.data(), views.size());
  }

  // Writes what was added. Redis reads on while its answers are not taken.
  void flush() {
    for (std::string_view left = output_; !left.empty();) {
      const ssize_t sent = ::send(socket_, left.data(), left.size(), MSG_NOSIGNAL);
      if (sent < 0) {
        throw std::runtime_error("redis-server is gone");
      }
      left.remove_prefix(static_cast<std::size_t>(sent));
    }
    output_.clear();
  }

  // The next answer, valid until the next call.
  redis::ReplyView reply() {
    redis::ReplyView reply;
    redis::ReplyReader::Result result;
    while ((result = reader_.next(reply)) == redis::ReplyReader::Result::need_more) {
      std::array<char, 16384> bytes;
      const ssize_t size = recv(socket_, bytes.data(), bytes.size(), 0);
      if (size <= 0 || !reader_.feed(std::string_view(bytes.data(), static_cast<std::size_t>(size)))) {
        throw std::runtime_error("redis-server is gone, or its answer is none");
      }
    }
    if (result != redis::ReplyReader::Result::reply) {
      throw std::runtime_error("redis-server's answer is none");
    }
    return reply;
  }

  // One command and its answer, valid until the next call.
  redis::ReplyView command(const std::vector<std::string>& arguments) {
    add(arguments);
    flush();
    return reply();
  }

 private:
  std::string socket_path() const { return folder_ + "/redis.sock"; }

  void start(const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {
        "redis-server", "--port", "0",         "--unixsocket",        socket_path(), "--dir", folder_, "--save", "",
        "--appendonly", "no",     "--logfile", folder_ + "/redis.log"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    std::vector<char*> pointers;
    for (std::string& argument : arguments) {
      pointers.push_back(argument.data());
    }
    pointers.push_back(nullptr);
    process_ = fork();
    if (process_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      execvp(pointers[0], pointers.data());
      _exit(127);
    }
  }

  void connect() {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::snprintf(address.sun_path, sizeof(address.sun_path), "%s", socket_path().c_str());
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    socket_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    while (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
      if (std::chrono::steady_clock::now() > deadline || waitpid(process_, nullptr, WNOHANG) != 0) {
        throw std::runtime_error("redis-server does not start: is it installed?");
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }

  std::string folder_;
  pid_t process_ = -1;
  int socket_ = -1;
  std::string output_;
  redis::ReplyReader reader_{redis::ReplyLimits()};
};

}  // namespace sse::test
