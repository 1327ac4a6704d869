// The load generator: see --help. This process measures; readers and the publisher are its children.

#include "children.hpp"
#include "clock.hpp"
#include "options.hpp"
#include "probe.hpp"
#include "reader.hpp"
#include "replay.hpp"
#include "report.hpp"
#include "shared.hpp"
#include "traffic.hpp"
#include "usage.hpp"

#include <sys/eventfd.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

namespace sse::bench {

namespace {

constexpr int64_t kTick = 2 * kMillisecond;
constexpr int64_t kIdleLimit = 5 * kSecond;
constexpr int64_t kMemorySample = 100 * kMillisecond;

class Run {
 public:
  Run(const Options& options, Shared& shared)
      : options_(options),
        shared_(shared),
        children_(shared),
        usage_(options.server_pids),
        broker_(options.broker_pids),
        progress_(eventfd(0, EFD_CLOEXEC)) {
    measured_.has_server = !options.server_pids.empty();
    measured_.has_broker = !options.broker_pids.empty();
  }

  void connect() {
    measured_.before = memory();
    int64_t cpu = usage_.cpu_ns();
    start_readers();
    wait_until_open([] {});
    usage_.wait_until_idle(kIdleLimit);
    measured_.connect_cpu_ns = usage_.cpu_ns() - cpu;
    measured_.idle = measured_.after = memory();
  }

  // Streams are filled, then all connect at once and read.
  void replay() {
    run_child([&] { fill_streams(options_, shared_); });
    usage_.wait_until_idle(kIdleLimit);
    shared_.expected = replay_deliveries(options_);
    measured_.before = memory();
    int64_t sampled = 0;
    auto sample = [&] {
      if (now_ns() - sampled >= kMemorySample) {
        measured_.peak_pss = std::max(measured_.peak_pss, usage_.pss_bytes());
        sampled = now_ns();
      }
    };
    begin_traffic();
    shared_.began_ns = began_;
    start_readers();
    wait_until_open(sample);
    wait_for_deliveries(sample);
    end_traffic();
  }

  void idle() {
    begin_traffic();
    int64_t end = now_ns() + static_cast<int64_t>(options_.seconds * kSecond);
    wait([&] { return now_ns() > end; });
    end_traffic();
  }

  void publish() {
    warm_up();
    for (size_t reader : readers_) {
      children_.send(reader, 's');
    }
    begin_traffic();
    size_t traffic = children_.start([&](int) { Traffic(options_, shared_, progress_).run(); });
    wait([&] { return children_.has_ended(traffic); });
    measured_.busy_wall_ns = now_ns() - began_;
    measured_.busy_cpu_ns = usage_.cpu_ns() - cpu_began_;
    wait_for_deliveries([] {});
    end_traffic();
  }

  void end() {
    for (size_t reader : readers_) {
      children_.end(reader);
    }
  }

  const Measurements& measured() const { return measured_; }

 private:
  Measurements::Memory memory() const { return {usage_.pss_bytes(), Usage::socket_buffer_bytes(), Usage::slab_bytes()}; }

  template <class Condition>
  void wait(Condition&& condition) {
    while (!condition()) {
      children_.check();
      sleep_until_ns(now_ns() + kTick);
    }
    children_.check();
  }

  template <class Body>
  void run_child(Body&& body) {
    size_t child = children_.start([&](int) { body(); });
    wait([&] { return children_.has_ended(child); });
  }

  void start_readers() {
    connecting_ns_ = now_ns();
    for (uint32_t i = 0; i < options_.processes; ++i) {
      readers_.push_back(children_.start([&](int control) { Reader(options_, shared_, i, control, progress_).run(); }));
    }
  }

  // Calls meanwhile() now and then.
  template <class Meanwhile>
  void wait_until_open(Meanwhile&& meanwhile) {
    auto limit = connecting_ns_ + static_cast<int64_t>(options_.connect_seconds * kSecond);
    wait([&] {
      uint64_t open = shared_.sum(&ReaderCounters::open);
      if (now_ns() > limit) {
        throw std::runtime_error("only " + std::to_string(open) + " of " + std::to_string(options_.subscribers) +
                                 " subscribers were answered in time");
      }
      meanwhile();
      return open == options_.subscribers;
    });
    measured_.connect_wall_ns = now_ns() - connecting_ns_;
  }

  void warm_up() {
    run_child([&] { Traffic(options_, shared_, progress_).warm_up(); });
    usage_.wait_until_idle(kIdleLimit);
  }

  void begin_traffic() {
    began_ = now_ns();
    cpu_began_ = usage_.cpu_ns();
    broker_cpu_began_ = broker_.cpu_ns();
    if (!options_.probe.empty()) {
      probe_ = children_.start([&](int control) { run_probe(options_, shared_, control); });
      has_probe_ = true;
    }
  }

  // The probe runs while messages are published, and while the server is behind.
  void end_traffic() {
    measured_.traffic_wall_ns = now_ns() - began_;
    if (has_probe_) {
      children_.end(probe_);
    }
    usage_.wait_until_idle(kIdleLimit);
    measured_.traffic_cpu_ns = usage_.cpu_ns() - cpu_began_;
    measured_.broker_cpu_ns = broker_.cpu_ns() - broker_cpu_began_;
    measured_.after = memory();
  }

  template <class Meanwhile>
  void wait_for_deliveries(Meanwhile&& meanwhile) {
    uint64_t before = 0;
    int64_t moved = now_ns();
    wait([&] {
      uint64_t sum = shared_.sum(&ReaderCounters::deliveries);
      if (sum != before) {
        before = sum;
        moved = now_ns();
      }
      meanwhile();
      return sum >= shared_.expected || now_ns() - moved > static_cast<int64_t>(options_.quiet_seconds * kSecond);
    });
  }

  const Options& options_;
  Shared& shared_;
  Children children_;
  Usage usage_;
  Usage broker_;
  int progress_;
  std::vector<size_t> readers_;
  size_t probe_ = 0;
  bool has_probe_ = false;
  int64_t connecting_ns_ = 0;  // when the first began
  int64_t began_ = 0;
  int64_t cpu_began_ = 0;
  int64_t broker_cpu_began_ = 0;
  Measurements measured_;
};

Shared& make_shared_memory() {
  void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    throw std::bad_alloc();
  }
  return *new (memory) Shared;
}

int run(const Options& options) {
  Shared& shared = make_shared_memory();
  Run run(options, shared);
  if (options.mode == Mode::replay) {
    run.replay();
  } else {
    run.connect();
  }
  if (options.mode == Mode::idle) {
    run.idle();
  } else if (publishes(options.mode)) {
    run.publish();
  }
  run.end();
  print_table(options, shared, run.measured());
  std::puts(report_json(options, shared, run.measured()).c_str());
  return is_complete(shared) ? 0 : 1;
}

}  // namespace

}  // namespace sse::bench

int main(int argc, char** argv) {
  auto options = sse::bench::Options::parse(argc, argv);
  try {
    return sse::bench::run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "load: %s\n", error.what());
    return 2;
  }
}
