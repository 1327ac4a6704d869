// A channel's log by itself: frames come, and old ones go because nobody reads them.
#include <cstddef>
#include <cstdint>
#include <string>

#include "channel_log.hpp"
#include "scenario.hpp"
#include "world.hpp"

namespace sse::bench {

namespace {

class Append final : public Scenario, private LogObserver {
 public:
  explicit Append(std::size_t frame_bytes) : frame_(text_of_size(frame_bytes)) { log_.raise_limits(std::size_t{4} << 20, 0); }

  std::size_t run() override {
    constexpr std::size_t kFrames = 1000;
    for (std::size_t i = 0; i < kFrames; ++i) {
      log_.append(frame_, {}, ++sequence_, 1000);
    }
    log_.begin_round();
    log_.end_round(1000);
    require(log_.bytes() == 0);
    return kFrames;
  }

 private:
  void fell_out(Subscription&, const LogSegment&, std::uint64_t) override {}

  std::string frame_;
  std::uint64_t sequence_ = 0;
  MemoryMeter meter_;
  Encoding encoding_;
  ChannelLog log_{"news", encoding_, *this, meter_};
};

}  // namespace

void add_log(Scenarios& scenarios) {
  add<Append>(scenarios, "append/100B", std::size_t{100});
  add<Append>(scenarios, "append/10KB", std::size_t{10'000});
}

}  // namespace sse::bench
