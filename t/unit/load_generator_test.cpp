// The parts of the load generator that everything measured depends on.

#include "load/event_reader.hpp"
#include "load/histogram.hpp"
#include "load/http_body.hpp"
#include "load/options.hpp"
#include "load/shared.hpp"
#include "load/stamp.hpp"
#include "load/tally.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sse::bench {
namespace {

TEST(HistogramTest, QuantilesAreWithinOnePercent) {
  auto histogram = std::make_unique<Histogram>();
  for (int64_t value = 1; value <= 1'000'000; ++value) {
    histogram->add(value * 1000);
  }
  EXPECT_NEAR(*histogram->quantile(0.5), 500e6, 5e6);
  EXPECT_NEAR(*histogram->quantile(0.99), 990e6, 9.9e6);
  EXPECT_NEAR(*histogram->quantile(0.999), 999e6, 9.99e6);
  EXPECT_EQ(histogram->max(), 1'000'000'000U);
}

TEST(HistogramTest, SmallAndLargestValuesHaveTheirBuckets) {
  for (int64_t value : {int64_t{0}, int64_t{1}, int64_t{127}, int64_t{128}, int64_t{129}, int64_t{1} << 40, INT64_MAX}) {
    auto histogram = std::make_unique<Histogram>();
    for (int i = 0; i < 100; ++i) {
      histogram->add(value);
    }
    EXPECT_NEAR(*histogram->quantile(0.5), static_cast<double>(value), static_cast<double>(value) / 128 + 0.5) << value;
  }
}

TEST(HistogramTest, SaysNothingFromAHandfulOfValues) {
  auto histogram = std::make_unique<Histogram>();
  for (int i = 0; i < 999; ++i) {
    histogram->add(5);
  }
  EXPECT_FALSE(histogram->quantile(0.99));
  EXPECT_TRUE(histogram->quantile(0.9));
  histogram->add(5);
  EXPECT_TRUE(histogram->quantile(0.99));
}

TEST(HistogramTest, MergedIsAsIfCountedTogether) {
  auto one = std::make_unique<Histogram>();
  auto other = std::make_unique<Histogram>();
  for (int i = 0; i < 100; ++i) {
    one->add(10);
    other->add(90);
  }
  one->merge(*other);
  EXPECT_EQ(one->count(), 200U);
  EXPECT_EQ(one->max(), 90U);
  EXPECT_EQ(*one->quantile(0.5), 10);
  EXPECT_EQ(*one->quantile(0.75), 90);
}

TEST(StampTest, ComesBackAsItWent) {
  Stamp stamp;
  stamp.kind = Stamp::kWarmUp;
  stamp.channel = 99'999;
  stamp.sequence = 0xfedcba98;
  stamp.due_ns = 1'234'567'890'123'456'789;
  std::string payload = stamp.payload(100);
  EXPECT_EQ(payload.size(), 100U);
  StampParser parser;
  for (int i = 0; i < 2; ++i) {  // the second time from memory
    const Stamp* parsed = parser.parse(payload);
    ASSERT_NE(parsed, nullptr);
    EXPECT_EQ(parsed->kind, Stamp::kWarmUp);
    EXPECT_EQ(parsed->channel, stamp.channel);
    EXPECT_EQ(parsed->sequence, stamp.sequence);
    EXPECT_EQ(parsed->due_ns, stamp.due_ns);
  }
  stamp.sequence = 1;
  EXPECT_EQ(parser.parse(stamp.payload(0))->sequence, 1U);
}

TEST(StampTest, OtherPayloadsAreNone) {
  StampParser parser;
  EXPECT_EQ(parser.parse("hello"), nullptr);
  EXPECT_EQ(parser.parse(std::string(100, '.')), nullptr);
  EXPECT_EQ(parser.parse("m" + std::string(100, 'x')), nullptr);
}

// Gives the sizes of events whose data begins with a stamp, and how many others and resets there were.
struct EventsFound {
  std::vector<size_t> messages;
  int others = 0;
  int resets = 0;
};

EventsFound find_events(std::string_view stream, size_t piece) {
  EventsFound found;
  EventReader reader;
  StampParser parser;
  for (size_t at = 0; at < stream.size(); at += piece) {
    const auto on_data = [&](std::string_view begin, size_t size) {
      if (parser.parse(begin) != nullptr) {
        found.messages.push_back(size);
      } else {
        ++found.others;
      }
    };
    reader.feed(stream.substr(at, piece), on_data, [&] { ++found.resets; });
  }
  return found;
}

TEST(EventReaderTest, FindsPayloadsHoweverTheBytesAreCut) {
  std::string payload = Stamp().payload(100);
  std::string stream =
      "retry: 2000\n\n: keepalive\n\nid: 5:0\ndata: " + payload + "\n\nevent: reset\ndata: {}\n\ndata:" + payload + "\r\n\r\n";
  for (size_t size = 1; size <= stream.size(); ++size) {
    const EventsFound found = find_events(stream, size);
    EXPECT_EQ(found.messages, (std::vector<size_t>{100, 100})) << "pieces of " << size;
    EXPECT_EQ(found.resets, 1);
    EXPECT_EQ(found.others, 1);
  }
}

TEST(EventReaderTest, AnEventIsThereWithItsBlankLine) {
  const std::string line = "data: " + Stamp().payload(60) + "\n";
  for (size_t size = 1; size <= line.size(); ++size) {
    EXPECT_TRUE(find_events(line, size).messages.empty()) << "pieces of " << size;
    EXPECT_EQ(find_events(line + "\n", size).messages, (std::vector<size_t>{60}));
    EXPECT_EQ(find_events(line + line + "\n", size).messages, (std::vector<size_t>{121})) << "lines of one event";
  }
}

TEST(HttpBodyTest, TakesTheChunksOffHoweverTheBytesAreCut) {
  std::string wire = "5\r\nhello\r\n1;name=value\r\n,\r\nA\r\n 0123456\r\n\r\n0\r\nname: value\r\n\r\n";
  for (size_t size = 1; size <= wire.size(); ++size) {
    HttpBody body;
    body.set_chunked(true);
    std::string decoded;
    for (size_t at = 0; at < wire.size(); at += size) {
      EXPECT_FALSE(body.is_complete());
      ASSERT_TRUE(body.feed(std::string_view(wire).substr(at, size), [&](std::string_view bytes) { decoded += bytes; }));
    }
    EXPECT_EQ(decoded, "hello, 0123456\r\n") << "pieces of " << size;
    EXPECT_TRUE(body.is_complete());
  }
}

TEST(HttpBodyTest, RefusesWhatIsNoFraming) {
  for (std::string_view wire : {"x\r\n", "1\r\nab", "data: x\n\n"}) {
    HttpBody body;
    body.set_chunked(true);
    EXPECT_FALSE(body.feed(wire, [](std::string_view) {})) << wire;
  }
}

class TallyTest : public testing::Test {
 protected:
  TallyTest() { options_.channels = 10; }

  // Subscriber 0 has the channels 0 and 1.
  bool add(char kind, uint32_t channel, uint32_t sequence) {
    Stamp stamp;
    stamp.kind = kind;
    stamp.channel = channel;
    stamp.sequence = sequence;
    bool is_its_own = tally_.add(0, next_, stamp.payload(0), options_.payload);
    tally_.end_round();
    return is_its_own;
  }

  Options options_;
  std::unique_ptr<Shared> shared_ = std::make_unique<Shared>();
  ReaderCounters& counters_ = shared_->readers[0];
  std::vector<uint32_t> next_{Tally::kUnheard, Tally::kUnheard};
  Tally tally_{options_, *shared_, counters_, -1};
};

TEST_F(TallyTest, CountsGapsAndRepetitionsPerChannel) {
  add('m', 0, 0);
  add('m', 1, 0);
  add('m', 0, 1);
  EXPECT_EQ(counters_.deliveries, 3U);
  EXPECT_EQ(counters_.gaps, 0U);
  add('m', 0, 5);  // 2, 3 and 4 are missing
  EXPECT_EQ(counters_.gaps, 3U);
  add('m', 0, 4);  // too late
  add('m', 0, 5);
  EXPECT_EQ(counters_.duplicates, 2U);
  EXPECT_EQ(counters_.deliveries, 4U);
  add('m', 1, 1);
  EXPECT_EQ(counters_.gaps, 3U);
  EXPECT_EQ(counters_.latency_ns.count(), 5U);
}

TEST_F(TallyTest, TheFirstMessageMissingIsAGap) {
  add('w', 0, 0);
  add('m', 0, 1);
  EXPECT_EQ(counters_.gaps, 1U);
}

TEST_F(TallyTest, AMessageOfAnotherSizeIsDamagedAndNoDelivery) {
  for (size_t size : {options_.payload - 1, options_.payload + 1}) {
    EXPECT_TRUE(tally_.add(0, next_, Stamp().payload(0), size));
  }
  EXPECT_EQ(counters_.damaged, 2U);
  add('m', 0, 0);
  EXPECT_EQ(counters_.deliveries, 1U);
  EXPECT_EQ(counters_.duplicates, 0U);
}

TEST_F(TallyTest, WarmUpCountsEachChannelOnceAndNoDelivery) {
  add('w', 0, 0);
  add('w', 0, 0);
  EXPECT_EQ(counters_.warmed, 1U);
  add('w', 1, 0);
  EXPECT_EQ(counters_.warmed, 2U);
  EXPECT_EQ(counters_.deliveries, 0U);
}

TEST_F(TallyTest, InAReplayWhatASubscriberHadIsARepetitionAndWhatItMissesAGap) {
  options_.mode = Mode::replay;
  options_.messages = 9;
  next_ = {5, 5};  // it had 0 to 4
  add('m', 0, 4);
  EXPECT_EQ(counters_.duplicates, 1U);
  EXPECT_EQ(counters_.deliveries, 0U);
  add('m', 0, 5);
  EXPECT_EQ(counters_.gaps, 0U);
  add('m', 1, 6);
  EXPECT_EQ(counters_.gaps, 1U);
  EXPECT_EQ(counters_.deliveries, 2U);
  EXPECT_EQ(counters_.warmed, 0U);
}

TEST_F(TallyTest, InAReplayTheLastEntryAloneIsTimed) {
  options_.mode = Mode::replay;
  options_.messages = 6;
  next_ = {5, 5};
  add('m', 0, 5);
  EXPECT_EQ(counters_.latency_ns.count(), 0U);
  add('m', 0, 6);
  EXPECT_EQ(counters_.latency_ns.count(), 1U);
}

TEST_F(TallyTest, ForeignChannelsAreRefusedAndForeignPayloadsPassedOver) {
  EXPECT_FALSE(add('m', 2, 0));
  EXPECT_TRUE(tally_.add(0, next_, "a greeting", 10));
  EXPECT_EQ(counters_.deliveries, 0U);
}

}  // namespace
}  // namespace sse::bench
