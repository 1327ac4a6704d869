#include "stream_start.hpp"

#include <algorithm>
#include <optional>

#include "stream_page.hpp"

namespace sse {

using redis::ReplyView;
using redis::Request;
using redis::RequestKind;

void StreamStarts::find(Start start, std::size_t count, std::uint64_t now_ms) {
  const std::size_t wanted = start == Start::oldest ? 0 : count;
  if (!pace_.session().is_ready() || std::find(wanted_.begin(), wanted_.end(), wanted) != wanted_.end()) {
    return;
  }
  wanted_.push_back(wanted);
  if (wanted_.size() == 1) {
    pace_.ask(*this, 0, Urgency::prompt, now_ms);
  }
}

void StreamStarts::send(std::uint64_t now_ms) {
  const Request request{RequestKind::start, nullptr, this};
  if (wanted_.front() == 0) {
    pace_.session().request(request, {"XRANGE", key_, "-", "+", "COUNT", "1"}, now_ms);
  } else {
    // One more: its id is the position, which is certain as long as it is retained.
    pace_.session().request(request, {"XREVRANGE", key_, "+", "-", "COUNT", std::to_string(wanted_.front() + 1)}, now_ms);
  }
}

void StreamStarts::on_reply(const Request&, ReplyView reply, std::uint64_t now_ms) {
  const std::size_t count = wanted_.front();
  wanted_.erase(wanted_.begin());
  pace_.answered(*this, now_ms);
  if (!wanted_.empty()) {
    pace_.ask(*this, 0, Urgency::prompt, now_ms);
  }
  if (!reply.is_array()) {
    owner_.on_refused(reply.is_error() ? reply.text() : kStrangeAnswer, now_ms);
    return;
  }
  StreamId position = owner_.end_position();
  const bool has_one_more = count != 0 && reply.size() > count;
  for (const ReplyView element : reply) {
    if (const auto entry = parse_page_entry(element)) {
      position = has_one_more ? entry->id : entry->id.previous();
    }
  }
  owner_.on_start(count == 0 ? Start::oldest : Start::last, count, position, now_ms);
}

}  // namespace sse
