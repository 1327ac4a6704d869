#include "printable.hpp"

namespace sse {

std::string printable(std::string_view text) {
  std::string line(text.substr(0, kMaxPrintable));
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      c = '?';
    }
  }
  if (text.size() > kMaxPrintable) {
    line += "...";
  }
  return line;
}

}  // namespace sse
