// Lines as event streams have them: ended by CRLF, CR or LF.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace sse {

// What follows the last line end is a line too, also when it is empty: n line ends make n + 1 lines.
class LineSplitter {
 public:
  explicit LineSplitter(std::string_view text) : text_(text), cr_(text.find('\r')), lf_(text.find('\n')) {}

  // False after the last line.
  bool next(std::string_view& line) {
    if (begin_ > text_.size()) {
      return false;
    }
    const std::size_t end = std::min({cr_, lf_, text_.size()});
    line = text_.substr(begin_, end - begin_);
    begin_ = end + (lf_ - end == 1 && cr_ == end ? 2 : 1);
    advance(cr_, '\r');
    advance(lf_, '\n');
    return true;
  }

 private:
  // Each line end is searched for once only, so that text without one of the two costs no search per line.
  void advance(std::size_t& found, char line_end) {
    if (found < begin_) {
      found = text_.find(line_end, begin_);
    }
  }

  std::string_view text_;
  std::size_t begin_ = 0;  // of the next line; beyond the text's size after the last
  std::size_t cr_;         // the next one of each, or npos
  std::size_t lf_;
};

}  // namespace sse
