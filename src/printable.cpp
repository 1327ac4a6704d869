#include "printable.hpp"

namespace sse {

std::string printable(std::string_view text) {
  std::string line(text.substr(0, kMaxPrintable));
  for (char& c : line) {
    if (is_control(c)) {
      c = '?';
    }
  }
  if (text.size() > kMaxPrintable) {
    line += "...";
  }
  return line;
}

}  // namespace sse
