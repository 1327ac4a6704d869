#include "drain.hpp"

#include "stream.hpp"

namespace sse::ngx {

namespace {

constexpr ngx_msec_t kTickMs = 50;
constexpr std::uint64_t kGraceMs = 1000;

}  // namespace

void Drain::begin(ngx_msec_t duration_ms) {
  if (has_begun_) {
    return;
  }
  has_begun_ = true;
  std::size_t count = 0;
  for (const Stream* stream = streams_.front(); stream != nullptr; stream = streams_.after(*stream)) {
    ++count;
  }
  schedule_.begin(count, duration_ms, now_ms());
  tick();
}

void Drain::tick() {
  const std::uint64_t now = now_ms();
  for (std::size_t due = schedule_.take_due(now); due > 0; --due) {
    Stream* stream = streams_.front();
    if (stream == nullptr) {
      break;
    }
    streams_.push_back(*stream);  // it stays until its end is out; the next one is in front now
    stream->finish(CloseReason::drain);
  }
  if (schedule_.overdue_ms(now) >= kGraceMs) {
    cut_all();
  }
  if (streams_.empty()) {
    observer_.drained();
  } else {
    timer_.set_timer(kTickMs, true);
  }
}

void Drain::cut_all() {
  for (Stream* stream = streams_.front(); stream != nullptr; stream = streams_.after(*stream)) {
    stream->cut(CloseReason::drain);
  }
}

}  // namespace sse::ngx
