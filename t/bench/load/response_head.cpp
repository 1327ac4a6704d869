#include "response_head.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace sse::bench {

std::string header_value(std::string_view head, std::string_view lower_name) {
  std::string lower(head);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  std::string begin = "\r\n" + std::string(lower_name) + ":";
  size_t at = lower.find(begin);
  if (at == std::string::npos) {
    return {};
  }
  at = std::min(lower.find_first_not_of(' ', at + begin.size()), lower.size());
  return lower.substr(at, lower.find("\r\n", at) - at);
}

ResponseHead ResponseHead::parse(std::string_view head) {
  ResponseHead result;
  result.line = head.substr(0, head.find("\r\n"));
  size_t space = result.line.find(' ');
  if (space != std::string::npos) {
    std::from_chars(result.line.data() + space + 1, result.line.data() + result.line.size(), result.status);
  }
  result.is_chunked = header_value(head, "transfer-encoding") == "chunked";
  result.is_gzip = header_value(head, "content-encoding") == "gzip";
  return result;
}

}  // namespace sse::bench
