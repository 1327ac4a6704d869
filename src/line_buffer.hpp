// Lines on their way to a log that several processes write to: a write holds whole lines.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sse {

class LineOutput {
 public:
  // Returns how many of the bytes were taken; fewer than all after an error.
  virtual std::size_t write(std::string_view bytes) = 0;

 protected:
  ~LineOutput() = default;
};

// What cannot be written is lost, so that nothing waits for it and memory stays bounded.
class LineBuffer {
 public:
  // At most `limit_bytes` wait for the next flush; 0: every line is written at once. The output must outlive the buffer.
  LineBuffer(LineOutput& output, std::size_t limit_bytes) : output_(output), limit_bytes_(limit_bytes) {}

  // `line` with its line end. May flush first, so that lines keep their order; one that is larger than the buffer is not kept.
  void add(std::string_view line);
  void flush();

  bool empty() const { return waiting_.empty(); }

  // The output is another file now: what was cut in the old one is no concern of the new one.
  void start_anew() { is_torn_ = false; }

  // How many lines were lost since this was last asked.
  std::uint64_t take_lost();

 private:
  void write(std::string_view lines);

  LineOutput& output_;
  const std::size_t limit_bytes_;
  std::string waiting_;
  std::uint64_t lost_ = 0;
  bool is_torn_ = false;  // the output ends inside a line
};

}  // namespace sse
