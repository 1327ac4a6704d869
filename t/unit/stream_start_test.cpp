// Where readers without a cursor begin among the newest entries, however many answers it takes to count them.
#include "stream_start.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "durable_world.hpp"
#include "stream_fixture.hpp"

namespace sse {
namespace {

using test::FakeStreamServer;
using test::Told;

class StreamStartTest : public test::StreamFixture {
 protected:
  static constexpr std::size_t kLargeBytes = 61'800;  // kUnknownPage of them are a page, and no answer is cut
  static constexpr std::size_t kUnknownPage = 16;     // entries, while nothing is known of their size

  // Called when the server has answered for that page, and before the answer arrives.
  using Meanwhile = std::function<void(std::size_t page)>;

  FakeStreamServer::Stream& entries() { return stream(key_); }
  // Nobody has heard of the stream.
  void begin_stream(std::uint64_t total, std::size_t bytes) {
    key_ = "stream" + std::to_string(++streams_);
    entries() = {};
    add(1, total, bytes);
  }
  // Entries as fill() makes them, but longer.
  void add(std::uint64_t from, std::uint64_t to, std::size_t bytes, char name = 'e') {
    for (std::uint64_t i = from; i <= to; ++i) {
      entries().add({i, 0}, name + std::to_string(i) + std::string(bytes, '.'));
    }
  }
  // What a reader of so many is told until nothing more comes; of large entries their names.
  Told told_last(
      std::size_t count, const Meanwhile& meanwhile = [](std::size_t) {}) {
    const std::size_t asked_before = world_.asked("XREVRANGE").size();
    auto one = world_.reader({key_}, starting(Start::last, count));
    peak_bytes_ = 0;
    pages_ = 0;
    while (world_.is_busy()) {
      world_.to_server();
      peak_bytes_ = std::max(peak_bytes_, world_.client->output.size());
      if (const std::size_t pages = world_.asked("XREVRANGE").size() - asked_before; pages != pages_ && !one->is_open()) {
        pages_ = pages;
        meanwhile(pages);
      }
      world_.to_session();
      world_.flush();
    }
    world_.ring(key_);
    world_.exchange();
    Told told = one->told();
    for (std::string& text : told) {
      text.erase(std::remove(text.begin(), text.end(), '.'), text.end());
    }
    return told;
  }

  std::string key_;
  std::size_t streams_ = 0;
  std::size_t peak_bytes_ = 0;  // the most that the server had to say at once
  std::size_t pages_ = 0;
};

TEST_F(StreamStartTest, AReaderGetsExactlySoManyOfTheNewest) {
  for (const std::size_t bytes : std::array<std::size_t, 2>{0, kLargeBytes}) {
    for (const std::uint64_t total : {0, 1, 17, 27, 40}) {
      for (const std::uint64_t count : {1, 2, 15, 16, 17, 26, 27, 28, 39, 40, 1000}) {
        SCOPED_TRACE(std::to_string(count) + " of " + std::to_string(total) + ", each of " + std::to_string(bytes));
        begin_stream(total, bytes);
        ASSERT_EQ(told_last(count), told(total > count ? total - count + 1 : 1, total));
      }
    }
  }
}

TEST_F(StreamStartTest, ManyLargeEntriesDoNotFillTheServerWithAnswers) {
  begin_stream(200, kLargeBytes);
  EXPECT_EQ(told_last(150), told(51, 200));
  EXPECT_LE(peak_bytes_, (kUnknownPage + 2) * (kLargeBytes + 100)) << "XINFO brings two";
  EXPECT_GT(pages_, 8u);
  EXPECT_EQ(told_last(1000), told(1, 200));
  EXPECT_LE(peak_bytes_, 2 * (StreamPages::kPageBytes + 2000)) << "a page of the walk and one of a replay";
}

TEST_F(StreamStartTest, AFewEntriesAreCountedInOneAnswer) {
  begin_stream(60, 100);
  EXPECT_EQ(told_last(15), told(46, 60));
  EXPECT_EQ(pages_, 1u);
  EXPECT_EQ(told_last(50), told(11, 60)) << "their size is known";
  EXPECT_EQ(pages_, 1u);
}

TEST_F(StreamStartTest, AReaderStandsAtTheEntryBeforeThemIfThereIsOne) {
  const auto has_read_from = [this](const std::string& position) {
    const std::vector<std::string> asked = world_.asked("XRANGE");
    return std::any_of(asked.begin(), asked.end(),
                       [&](const std::string& one) { return one.rfind("XRANGE " + key_ + ' ' + position + ' ', 0) == 0; });
  };
  begin_stream(40, kLargeBytes);
  told_last(30);
  EXPECT_TRUE(has_read_from("10-0"));
  told_last(39);
  EXPECT_TRUE(has_read_from("1-0"));
  told_last(40);
  EXPECT_TRUE(has_read_from(to_string(StreamId{1, 0}.previous())));
}

// While they are counted

class StreamStartMeanwhileTest : public StreamStartTest {
 protected:
  static constexpr std::uint64_t kTotal = 60;
  static constexpr std::uint64_t kCount = 40;
  static inline const std::string kEnd = std::to_string(UINT64_MAX);  // of a millisecond
  static constexpr std::size_t kPages = 3;                            // that it takes

  // Of each page: what a reader of kCount is told if something happens when the server has answered for it.
  template <class Happens, class Expect>
  void at_each_page(Happens happens, Expect expect) {
    for (std::size_t page = 1; page <= kPages; ++page) {
      SCOPED_TRACE("page " + std::to_string(page));
      begin_stream(kTotal, kLargeBytes);
      const Told seen = told_last(kCount, [&](std::size_t answered) {
        if (answered == page) {
          happens(answered);
        }
      });
      EXPECT_GE(pages_, page);
      expect(seen, page);
    }
  }
};

TEST_F(StreamStartMeanwhileTest, WhatIsAddedComesToo) {
  at_each_page([this](std::size_t) { add(kTotal + 1, kTotal + 30, kLargeBytes); },
               [](const Told& seen, std::size_t) { EXPECT_EQ(seen, told(kTotal - kCount + 1, kTotal + 30)); });
}

TEST_F(StreamStartMeanwhileTest, WhatIsTrimmedBeforeItWasCountedIsNotMissed) {
  at_each_page([this](std::size_t) { entries().model.trim_to(kCount - 1); },
               [](const Told& seen, std::size_t page) {
                 const Told kept = told(kTotal - kCount + 2, kTotal);
                 EXPECT_EQ(seen, page < kPages ? kept : both({"reset trimmed @21-" + kEnd}, kept));
               });
}

TEST_F(StreamStartMeanwhileTest, WhatIsTrimmedAfterItWasCountedIsTold) {
  at_each_page([this](std::size_t) { entries().model.trim_to(5); },
               [](const Told& seen, std::size_t) { EXPECT_EQ(seen, both({"reset trimmed @55-" + kEnd}, told(56, 60))); });
}

TEST_F(StreamStartMeanwhileTest, AnEntryThatIsWithdrawnAfterItWasCountedIsOneLess) {
  for (const std::uint64_t withdrawn : {44, 45, 46}) {  // the first page ends with the second
    SCOPED_TRACE(withdrawn);
    begin_stream(kTotal, kLargeBytes);
    const Told seen = told_last(kCount, [&](std::size_t page) {
      if (page == 1) {
        entries().model.withdraw({withdrawn, 0});
      }
    });
    const bool is_less = withdrawn == 46;
    EXPECT_EQ(seen, both(told(kTotal - kCount + (is_less ? 1 : 0), withdrawn - 1), told(withdrawn + 1, kTotal)));
  }
}

TEST_F(StreamStartMeanwhileTest, AStreamThatWasMadeAgainIsCountedAnew) {
  constexpr std::uint64_t kAgain = kTotal - 5;  // fewer, but every page's last id is there
  at_each_page(
      [this](std::size_t) {
        entries() = {};
        add(1, kAgain, kLargeBytes, 'f');
      },
      [](const Told& seen, std::size_t page) {
        const std::uint64_t first = (page < kPages ? kAgain : kTotal) - kCount + 1;  // the last page was all that it took
        Told expected = told(first, kAgain);
        for (std::string& text : expected) {
          text[0] = 'f';
        }
        ASSERT_GE(seen.size(), expected.size());  // then all are told that the ids have gone back
        EXPECT_EQ(Told(seen.begin(), seen.begin() + static_cast<std::ptrdiff_t>(expected.size())), expected);
      });
}

TEST_F(StreamStartMeanwhileTest, WhatHasEndedWithAForkIsNotCounted) {
  begin_stream(110, kLargeBytes);
  const FakeStreamServer::Stream earlier = entries();
  add(111, 120, kLargeBytes);
  const Told seen = told_last(90, [&](std::size_t page) {
    if (page == 2) {
      entries() = earlier;
      add(111, 113, kLargeBytes, 'f');
      world_.ring(key_);
    }
  });
  EXPECT_EQ(seen, both(told(24, 110), {"f111 @111-0", "f112 @112-0", "f113 @113-0"}));
}

}  // namespace
}  // namespace sse
