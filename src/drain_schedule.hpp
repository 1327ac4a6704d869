// How many streams of a worker that shuts down have to have ended by now, so that their ends are spread evenly.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sse {

class DrainSchedule {
 public:
  // `duration_ms` 0: all at once.
  void begin(std::size_t streams, std::uint64_t duration_ms, std::uint64_t now_ms) {
    streams_ = streams;
    duration_ms_ = duration_ms;
    begin_ms_ = now_ms;
    ended_ = 0;
  }

  // How many more streams are to end now.
  std::size_t take_due(std::uint64_t now_ms) {
    const std::uint64_t elapsed_ms = now_ms - begin_ms_;
    const std::size_t due = is_over(now_ms) ? streams_ : static_cast<std::size_t>(streams_ * elapsed_ms / duration_ms_);
    const std::size_t more = due - ended_;
    ended_ = due;
    return more;
  }

  bool is_over(std::uint64_t now_ms) const { return now_ms - begin_ms_ >= duration_ms_; }

  // Time since the last stream was to end.
  std::uint64_t overdue_ms(std::uint64_t now_ms) const { return is_over(now_ms) ? now_ms - begin_ms_ - duration_ms_ : 0; }

 private:
  std::size_t streams_ = 0;
  std::uint64_t duration_ms_ = 0;
  std::uint64_t begin_ms_ = 0;
  std::size_t ended_ = 0;
};

}  // namespace sse
