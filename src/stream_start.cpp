#include "stream_start.hpp"

#include <algorithm>
#include <optional>

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
    ask(now_ms);
  }
}

void StreamStarts::begin_anew() {
  if (walk_.counted == 0) {
    return;  // an answer that is yet to come is of the history that there is now
  }
  const bool is_under_way = is_awaited();
  count_anew();
  walk_.is_void = is_under_way;
}

void StreamStarts::count_anew() {
  Walk begun;
  begun.size = walk_.size;
  walk_ = begun;
}

void StreamStarts::connection_lost() {
  wanted_.clear();
  walk_ = Walk();
}

const EntrySize& StreamStarts::size() const {
  const EntrySize& known = owner_.entry_size();
  return walk_.size.bytes() < known.bytes() ? known : walk_.size;
}

std::size_t StreamStarts::page_entries() const {
  const std::size_t count = wanted_.front();
  if (count == 0) {
    return 1;
  }
  // One more than is wanted: its id is the position, which is certain as long as it is retained. And the one that was counted last, again.
  const std::size_t left = count + 1 - walk_.counted + (walk_.counted != 0 ? 1 : 0);
  return std::min(pages_.count(size()), left);
}

void StreamStarts::ask(std::uint64_t now_ms) { pace_.ask(*this, page_entries() * size().bytes(), Urgency::prompt, now_ms); }

void StreamStarts::send(std::uint64_t now_ms) {
  const Request request{RequestKind::start, nullptr, this};
  walk_.asked = page_entries();
  const std::string asked = std::to_string(walk_.asked);
  if (wanted_.front() == 0) {
    pace_.session().request(request, {"XRANGE", key_, "-", "+", "COUNT", asked}, now_ms);
  } else {
    const std::string newest = walk_.counted != 0 ? to_string(walk_.oldest) : "+";
    pace_.session().request(request, {"XREVRANGE", key_, newest, "-", "COUNT", asked}, now_ms);
  }
}

void StreamStarts::on_reply(const Request&, ReplyView reply, std::uint64_t now_ms) {
  pace_.answered(*this, now_ms);
  const Step step = reply.is_array() ? walk(reply) : Step::strange;
  if (step == Step::further) {
    ask(now_ms);
    return;
  }
  const std::size_t count = wanted_.front();
  const StreamId position = found(count);
  wanted_.erase(wanted_.begin());
  walk_ = Walk();
  if (!wanted_.empty()) {
    ask(now_ms);
  }
  if (step == Step::strange) {
    owner_.on_refused(reply.is_error() ? reply.text() : kStrangeAnswer, now_ms);
  } else {
    owner_.on_start(count == 0 ? Start::oldest : Start::last, count, position, now_ms);
  }
}

// Counts the entries of a page.
StreamStarts::Step StreamStarts::walk(ReplyView page) {
  if (walk_.is_void) {
    count_anew();
    return Step::further;
  }
  std::optional<StreamEntry> last;
  for (const ReplyView element : page) {
    const bool is_again = walk_.counted != 0 && !last;
    last = parse_page_entry(element);
    if (!last) {
      return Step::strange;
    }
    if (!is_again) {
      ++walk_.counted;
    } else if (!is_same_entry(*last)) {
      count_anew();
      return Step::further;
    }
    walk_.size.note(last->bytes);
    walk_.oldest = last->id;
  }
  walk_.oldest_hash = last ? pages_.hash(*last) : 0;
  return page.size() < walk_.asked || walk_.counted > wanted_.front() ? Step::done : Step::further;
}

// The one that was counted last. If it was withdrawn or is another one, what is older may be of another history.
bool StreamStarts::is_same_entry(const StreamEntry& entry) const {
  const std::uint64_t hash = pages_.hash(entry);
  return entry.id == walk_.oldest && (hash == 0 || walk_.oldest_hash == 0 || hash == walk_.oldest_hash);
}

StreamId StreamStarts::found(std::size_t count) const {
  if (walk_.counted == 0) {
    return owner_.end_position();
  }
  const bool has_one_more = count != 0 && walk_.counted > count;
  return has_one_more ? walk_.oldest : walk_.oldest.previous();
}

}  // namespace sse
