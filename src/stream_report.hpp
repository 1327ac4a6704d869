// What is written of a stream when it has ended: one line of JSON.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sse {

struct StreamReport {
  std::int64_t time_ms = 0;  // since 1970, of the end
  std::string_view client;   // its address as text
  std::string_view server;
  std::string_view location;
  std::uint64_t connection = 0;
  std::vector<std::string> channels;
  std::uint64_t duration_ms = 0;
  std::uint64_t events = 0;
  std::uint64_t bytes = 0;
  std::string_view reason;
  std::string_view start_id;  // empty: none, here and below
  std::string last_id;
};

// Appends the line and its line end. Valid JSON in valid UTF-8 whatever the texts hold; there is no line end in it.
void append_json_line(std::string& out, const StreamReport& report);

}  // namespace sse
