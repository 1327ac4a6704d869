#include "tally.hpp"

#include "clock.hpp"

#include <unistd.h>

namespace sse::bench {

void Tally::received(size_t length) {
  received_ns_ = now_ns();
  bytes_ += length;
}

bool Tally::add(uint32_t subscriber, std::vector<uint32_t>& next, std::string_view begin, size_t size) {
  const Stamp* stamp = stamps_.parse(begin);
  if (stamp == nullptr) {
    return true;  // a greeting, say
  }
  uint32_t place = (stamp->channel + options_.channels - options_.first_channel(subscriber)) % options_.channels;
  if (place >= next.size()) {
    return false;
  }
  if (size != options_.payload) {
    ++counters_.damaged;
    return true;
  }
  uint32_t& due = next[place];
  if (due == kUnheard) {
    due = 0;
    ++counters_.warmed;
  }
  if (stamp->kind == Stamp::kWarmUp) {
    return true;
  }
  if (stamp->sequence < due) {
    ++counters_.duplicates;
    return true;
  }
  if (stamp->sequence > due) {
    counters_.gaps += stamp->sequence - due;
  }
  due = stamp->sequence + 1;
  ++deliveries_;
  if (options_.mode != Mode::replay) {
    counters_.latency_ns.add(received_ns_ - stamp->due_ns);
  } else if (stamp->sequence == options_.messages) {
    counters_.latency_ns.add(received_ns_ - shared_.began_ns);
  }
  return true;
}

void Tally::end_round() {
  if (bytes_ != 0) {
    counters_.bytes += bytes_;
    bytes_ = 0;
  }
  if (deliveries_ == 0) {
    return;
  }
  counters_.last_delivery_ns = received_ns_;
  counters_.deliveries += deliveries_;
  deliveries_ = 0;
  // The reader that completes a message tells the publisher: the sum is read after its own share was added.
  if (shared_.sum(&ReaderCounters::deliveries) >= shared_.expected) {
    uint64_t one = 1;
    [[maybe_unused]] ssize_t written = write(progress_, &one, sizeof(one));
  }
}

}  // namespace sse::bench
