// A client's view of an event stream, written from the text of the standard (WHATWG HTML, "Parsing an event stream") byte by byte, and on
// purpose not from the code under test.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sse::reference {

struct Dispatched {
  std::string type;
  std::string data;
  std::string last_event_id;

  bool operator==(const Dispatched& other) const {
    return type == other.type && data == other.data && last_event_id == other.last_event_id;
  }
};

class Client {
 public:
  void read(std::string_view bytes) {
    for (const char c : bytes) {
      const bool follows_cr = after_cr_;
      after_cr_ = c == '\r';
      if (c == '\r' || (c == '\n' && !follows_cr)) {
        process_line();
        line_.clear();
      } else if (c != '\n') {
        line_.push_back(c);
      }
    }
  }

  std::vector<Dispatched> events;
  std::string last_event_id;
  std::optional<std::uint64_t> retry_ms;
  std::vector<std::string> comments;

 private:
  void process_line() {
    if (line_.empty()) {
      dispatch();
      return;
    }
    std::string field;
    std::string value;
    bool in_value = false;
    bool after_colon = false;
    for (const char c : line_) {
      if (!in_value && c == ':') {
        in_value = after_colon = true;
        continue;
      }
      if (!(after_colon && c == ' ')) {
        (in_value ? value : field).push_back(c);
      }
      after_colon = false;
    }
    if (field.empty() && in_value) {
      comments.push_back(value);
    } else if (field == "event") {
      type_ = value;
    } else if (field == "data") {
      data_ += value + "\n";
    } else if (field == "id" && value.find('\0') == std::string::npos) {
      id_ = value;
    } else if (field == "retry" && !value.empty() && value.find_first_not_of("0123456789") == std::string::npos) {
      retry_ms = std::stoull(value);
    }
  }

  void dispatch() {
    last_event_id = id_;
    if (!data_.empty()) {
      data_.pop_back();
      events.push_back({type_.empty() ? "message" : type_, data_, last_event_id});
    }
    type_.clear();
    data_.clear();
  }

  std::string line_;
  bool after_cr_ = false;
  std::string type_;
  std::string data_;
  std::string id_;
};

}  // namespace sse::reference
