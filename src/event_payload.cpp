#include "event_payload.hpp"

#include <cstddef>
#include <cstdint>

#include "decimal.hpp"
#include "lines.hpp"
#include "scratch.hpp"
#include "utf8.hpp"

namespace sse {

namespace {

// Collects the fields of one event after the other. Data of several lines is joined in `scratch`, which never grows beyond the
// payload's size: reserved at once, it does not move, and views into it stay valid.
class EventBuilder {
 public:
  EventBuilder(std::string& scratch, DecodeNotes& notes) : scratch_(scratch), notes_(notes) {}

  void add_field(std::string_view field, std::string_view value) {
    if (field == "data") {
      add_data(value);
    } else if (field == "event") {
      if (require(is_valid_event_name(value))) {
        event_.name = value;
      }
    } else if (field == "id") {
      if (require(is_valid_event_id(value))) {
        event_.id = value;
        event_.has_id = true;
      }
    } else if (field == "retry") {
      std::uint32_t ms = 0;
      if (require(parse_decimal(value, ms))) {
        event_.retry_ms = ms;
      }
    }
  }

  void finish_event(std::vector<Event>& events) {
    if (event_.has_data || event_.has_id || event_.retry_ms) {
      events.push_back(event_);
    }
    event_ = Event();
    is_joined_ = false;
  }

 private:
  bool require(bool is_valid) {
    notes_.invalid_field = notes_.invalid_field || !is_valid;
    return is_valid;
  }

  void add_data(std::string_view line) {
    if (!event_.has_data) {
      event_.data = line;
      event_.has_data = true;
      return;
    }
    if (!is_joined_) {
      joined_begin_ = scratch_.size();
      scratch_.append(event_.data);
      is_joined_ = true;
    }
    scratch_.push_back('\n');
    scratch_.append(line);
    event_.data = std::string_view(scratch_).substr(joined_begin_);
  }

  std::string& scratch_;
  DecodeNotes& notes_;
  Event event_;
  bool is_joined_ = false;  // event_.data is in scratch_, from joined_begin_ to its end
  std::size_t joined_begin_ = 0;
};

}  // namespace

void decode_event_payload(std::string_view payload, std::string& scratch, std::vector<Event>& events, DecodeNotes& notes) {
  recycle(scratch);
  scratch.reserve(payload.size());
  EventBuilder builder(scratch, notes);
  LineSplitter lines(without_byte_order_mark(payload));
  std::string_view line;
  while (lines.next(line)) {
    if (line.empty()) {
      builder.finish_event(events);
      continue;
    }
    const std::size_t colon = line.find(':');
    std::string_view value = colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
    if (!value.empty() && value.front() == ' ') {
      value.remove_prefix(1);
    }
    builder.add_field(line.substr(0, colon), value);  // a comment's field name is empty, and unknown
  }
  builder.finish_event(events);
}

}  // namespace sse
