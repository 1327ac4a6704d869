#include "traffic.hpp"

#include "clock.hpp"
#include "stamp.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>

namespace sse::bench {

namespace {

constexpr int64_t kWarmUpRound = 250 * kMillisecond;
constexpr uint32_t kWarmUpBatch = 1000;  // messages between two accept()

}  // namespace

Traffic::Traffic(const Options& options, Shared& shared, int progress)
    : options_(options),
      shared_(shared),
      progress_(progress),
      publisher_(make_publisher(options, shared)),
      audience_(options.channels),
      sequence_(options.channels) {
  for (uint32_t i = 0; i < options.subscribers; ++i) {
    for (uint32_t k = 0; k < options.channels_each && !options.is_stalled(i); ++k) {
      ++audience_[(options.first_channel(i) + k) % options.channels];
    }
  }
}

void Traffic::warm_up() {
  uint64_t needed = uint64_t{options_.subscribers} * options_.channels_each;
  int64_t began = now_ns();
  Stamp stamp;
  stamp.kind = Stamp::kWarmUp;
  auto least = began + static_cast<int64_t>(options_.warm_up_least_seconds * kSecond);
  while (shared_.sum(&ReaderCounters::warmed) < needed || now_ns() < least) {
    if (shared_.sum(&ReaderCounters::warmed) < needed && now_ns() - began > static_cast<int64_t>(options_.warm_up_seconds * kSecond)) {
      shared_.fail("%llu of %llu subscriptions never got a message: does the server read what is published?",
                   static_cast<unsigned long long>(needed - shared_.sum(&ReaderCounters::warmed)), static_cast<unsigned long long>(needed));
    }
    for (uint32_t channel = 0; channel < options_.channels; ++channel) {
      stamp.channel = channel;
      stamp.due_ns = now_ns();
      publisher_->publish(options_.channel_name(channel), stamp.payload(options_.payload));
      if (channel % kWarmUpBatch == 0) {
        publisher_->accept();
      }
    }
    publisher_->accept();
    for (int64_t round = now_ns();
         now_ns() - round < kWarmUpRound && (shared_.sum(&ReaderCounters::warmed) < needed || now_ns() < least);) {
      sleep_until_ns(now_ns() + kMillisecond);
    }
  }
}

void Traffic::run() {
  shared_.began_ns = now_ns();
  switch (options_.mode) {
    case Mode::closed:
      closed_loop();
      break;
    case Mode::paced:
      paced();
      break;
    case Mode::bursts:
      bursts();
      break;
    default:
      break;
  }
  shared_.last_publish_ns = now_ns();
}

void Traffic::publish(uint64_t number, int64_t due_ns) {
  auto channel = static_cast<uint32_t>(number % options_.publish_channels);
  Stamp stamp;
  stamp.channel = channel;
  stamp.sequence = sequence_[channel]++;
  stamp.due_ns = due_ns;
  shared_.expected += audience_[channel];
  ++shared_.published;
  publisher_->publish(options_.channel_name(channel), stamp.payload(options_.payload));
}

void Traffic::closed_loop() {
  for (uint32_t i = 0; i < options_.messages; ++i) {
    publish(i, now_ns());
    publisher_->accept();
    if (!wait_for_all()) {
      shared_.is_cut_short = true;
      return;
    }
  }
}

bool Traffic::wait_for_all() {
  uint64_t before = 0;
  int64_t moved = now_ns();
  for (;;) {
    uint64_t sum = shared_.sum(&ReaderCounters::deliveries);
    if (sum >= shared_.expected) {
      return true;
    }
    if (sum != before) {
      before = sum;
      moved = now_ns();
    } else if (now_ns() - moved > static_cast<int64_t>(options_.quiet_seconds * kSecond)) {
      return false;
    }
    pollfd progress{progress_, POLLIN, 0};
    if (poll(&progress, 1, 100) == 1) {
      uint64_t value = 0;
      [[maybe_unused]] ssize_t n = read(progress_, &value, sizeof(value));
    }
  }
}

void Traffic::paced() {
  auto count = static_cast<uint64_t>(options_.rate * options_.seconds);
  int64_t start = now_ns();
  for (uint64_t i = 0; i < count;) {
    auto due = [&](uint64_t n) { return start + static_cast<int64_t>(static_cast<double>(n) * kSecond / options_.rate); };
    sleep_until_ns(due(i));
    int64_t now = now_ns();
    shared_.most_late_ns = std::max<int64_t>(shared_.most_late_ns, now - due(i));
    for (; i < count && due(i) <= now; ++i) {
      publish(i, due(i));
    }
    publisher_->accept();
  }
}

void Traffic::bursts() {
  int64_t interval = options_.interval_ms * kMillisecond;
  auto count = static_cast<int64_t>(options_.seconds * kSecond) / interval;
  int64_t start = now_ns();
  for (int64_t i = 0; i < count; ++i) {
    int64_t due = start + i * interval;
    sleep_until_ns(due);
    shared_.most_late_ns = std::max<int64_t>(shared_.most_late_ns, now_ns() - due);
    for (uint32_t k = 0; k < options_.burst; ++k) {
      publish(static_cast<uint64_t>(i) * options_.burst + k, due);
    }
    publisher_->accept();
  }
}

}  // namespace sse::bench
