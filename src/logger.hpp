// Where the core says what an operator should know. The glue writes it to nginx's error log.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sse {

enum class LogLevel : std::uint8_t { error, warn, notice, info };

class Logger {
 public:
  // `message`: lower case, one line, values quoted, no secret; the broker is named by the implementation.
  virtual void log(LogLevel level, std::string_view message) = 0;

 protected:
  ~Logger() = default;
};

// Lets one line of a kind through in each interval, and counts the others.
class LogLimit {
 public:
  explicit LogLimit(std::uint64_t interval_ms) : interval_ms_(interval_ms) {}

  // True when the line may be written now.
  bool allows(std::uint64_t now_ms) {
    if (has_logged_ && now_ms - last_ms_ < interval_ms_) {
      ++suppressed_;
      return false;
    }
    has_logged_ = true;
    last_ms_ = now_ms;
    return true;
  }

  // To stand behind the line: how many were held back, or nothing.
  std::string take_note() {
    const std::uint64_t count = take_suppressed();
    return count == 0 ? std::string() : " (" + std::to_string(count) + " more since the last such line)";
  }

  // How many lines were held back since the last one; starts again at 0.
  std::uint64_t take_suppressed() {
    const std::uint64_t count = suppressed_;
    suppressed_ = 0;
    return count;
  }

 private:
  std::uint64_t interval_ms_;
  std::uint64_t last_ms_ = 0;
  std::uint64_t suppressed_ = 0;
  bool has_logged_ = false;
};

}  // namespace sse
