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
  if (!session_.is_ready() || std::find(asked_.begin(), asked_.end(), wanted) != asked_.end()) {
    return;
  }
  asked_.push_back(wanted);
  const Request request{RequestKind::start, nullptr, this};
  if (wanted == 0) {
    session_.request(request, {"XRANGE", key_, "-", "+", "COUNT", "1"}, now_ms);
  } else {
    // One more: its id is the position, which is certain as long as it is retained.
    session_.request(request, {"XREVRANGE", key_, "+", "-", "COUNT", std::to_string(wanted + 1)}, now_ms);
  }
}

void StreamStarts::on_reply(const Request&, ReplyView reply, std::uint64_t now_ms) {
  const std::size_t count = asked_.front();
  asked_.erase(asked_.begin());
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
