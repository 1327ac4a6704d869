#include "line_buffer.hpp"

#include <algorithm>
#include <utility>

namespace sse {

void LineBuffer::add(std::string_view line) {
  if (waiting_.size() + line.size() > limit_bytes_) {
    flush();
    if (line.size() > limit_bytes_) {
      write(line);
      return;
    }
  }
  if (waiting_.capacity() < limit_bytes_) {
    waiting_.reserve(limit_bytes_);
  }
  waiting_ += line;
}

void LineBuffer::flush() {
  if (!waiting_.empty()) {
    write(waiting_);
    waiting_.clear();
  }
}

void LineBuffer::write(std::string_view lines) {
  if (is_torn_) {
    if (output_.write("\n") == 0) {
      lost_ += static_cast<std::uint64_t>(std::count(lines.begin(), lines.end(), '\n'));
      return;
    }
    is_torn_ = false;
  }
  const std::size_t taken = output_.write(lines);
  const std::string_view rest = lines.substr(taken);
  lost_ += static_cast<std::uint64_t>(std::count(rest.begin(), rest.end(), '\n'));
  is_torn_ = !rest.empty() && taken != 0 && lines[taken - 1] != '\n';
}

std::uint64_t LineBuffer::take_lost() { return std::exchange(lost_, 0); }

}  // namespace sse
