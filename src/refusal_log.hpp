// What Redis refuses, in the log: one line for each cause and minute, whoever met it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "logger.hpp"
#include "printable.hpp"

namespace sse {

class RefusalLog {
 public:
  // The logger must outlive this.
  explicit RefusalLog(Logger& logger) : logger_(logger) {}

  // `what` cannot be done because of `error`, whose first word is the cause.
  void log(LogLevel level, std::string_view what, std::string_view error, std::uint64_t now_ms) {
    std::string cause(error.substr(0, error.find(' ')));
    if (limits_.size() >= kMaxCauses && limits_.count(cause) == 0) {
      cause.clear();
    }
    LogLimit& limit = limits_.emplace(cause, LogLimit(kIntervalMs)).first->second;
    if (limit.allows(now_ms)) {
      logger_.log(level, printable(std::string(what) + ": " + std::string(error) + limit.take_note()));
    }
  }

 private:
  static constexpr std::uint64_t kIntervalMs = 60'000;
  static constexpr std::size_t kMaxCauses = 16;  // told apart

  Logger& logger_;
  std::map<std::string, LogLimit> limits_;
};

}  // namespace sse
