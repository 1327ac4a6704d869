#include "lane_link.hpp"

namespace sse::ngx {

void LaneLinks::tick() {
  const std::uint64_t now = now_ms();
  lanes_.tick(now);
  // Anew: nginx leaves a timer as it is that is to be moved by less than 300 ms.
  due_timer_.cancel();
  const std::uint64_t due_ms = lanes_.next_due_ms();
  if (due_ms <= now) {
    due_event_.post_next();
  } else if (due_ms != Lane::kNever) {
    due_timer_.set_timer(static_cast<ngx_msec_t>(due_ms - now));
  }
}

}  // namespace sse::ngx
