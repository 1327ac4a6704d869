#pragma once

#include <string>
#include <string_view>

namespace sse::bench {

// The head of an HTTP/1.1 response, as far as it concerns a reader of events.
struct ResponseHead {
  int status = 0;
  bool is_chunked = false;
  bool is_gzip = false;
  std::string line;  // the first, for complaints

  static ResponseHead parse(std::string_view head);
};

// A header's value in lower case; empty if there is none.
std::string header_value(std::string_view head, std::string_view lower_name);

}  // namespace sse::bench
