#include "line_buffer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace sse {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A file that takes so many bytes more.
class FakeFile final : public LineOutput {
 public:
  std::size_t write(std::string_view bytes) override {
    const std::size_t taken = std::min(bytes.size(), room);
    room -= taken;
    cut_before_line_end += taken != 0 && taken < bytes.size() && bytes[taken] == '\n' ? 1 : 0;
    writes.emplace_back(bytes.substr(0, taken));
    return taken;
  }

  std::string content() const {
    std::string all;
    for (const std::string& write : writes) {
      all += write;
    }
    return all;
  }

  std::size_t room = SIZE_MAX;
  std::size_t cut_before_line_end = 0;  // such a line is counted as lost, and whole once the next begins
  std::vector<std::string> writes;
};

TEST(LineBuffer, WithoutASizeWritesEachLineAtOnce) {
  FakeFile file;
  LineBuffer buffer(file, 0);
  buffer.add("one\n");
  buffer.add("two\n");
  EXPECT_THAT(file.writes, ElementsAre("one\n", "two\n"));
  EXPECT_TRUE(buffer.empty());
}

TEST(LineBuffer, WritesWholeLinesWhenTheNextDoesNotFit) {
  FakeFile file;
  LineBuffer buffer(file, 8);
  buffer.add("one\n");
  buffer.add("two\n");
  EXPECT_THAT(file.writes, IsEmpty());
  EXPECT_FALSE(buffer.empty());
  buffer.add("three\n");
  EXPECT_THAT(file.writes, ElementsAre("one\ntwo\n"));
  buffer.flush();
  EXPECT_THAT(file.writes, ElementsAre("one\ntwo\n", "three\n"));
  buffer.flush();
  EXPECT_EQ(file.writes.size(), 2U);
}

TEST(LineBuffer, ALineThatFillsItExactlyWaits) {
  FakeFile file;
  LineBuffer buffer(file, 4);
  buffer.add("one\n");
  EXPECT_THAT(file.writes, IsEmpty());
}

TEST(LineBuffer, ALineLargerThanItIsWrittenWholeAfterThoseBeforeIt) {
  FakeFile file;
  LineBuffer buffer(file, 10);
  buffer.add("one\n");
  buffer.add("much larger\n");
  EXPECT_THAT(file.writes, ElementsAre("one\n", "much larger\n"));
  EXPECT_TRUE(buffer.empty());
}

TEST(LineBuffer, WhatDoesNotFitIntoTheFileIsLostAndCounted) {
  FakeFile file;
  LineBuffer buffer(file, 12);
  buffer.add("one\n");
  buffer.add("two\n");
  file.room = 0;
  buffer.flush();
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(buffer.take_lost(), 2U);
  EXPECT_EQ(buffer.take_lost(), 0U);
}

TEST(LineBuffer, ALineThatWasCutDoesNotSpoilTheNext) {
  FakeFile file;
  LineBuffer buffer(file, 0);
  file.room = 6;
  buffer.add("one\n");
  buffer.add("two\n");
  buffer.add("three\n");
  EXPECT_EQ(buffer.take_lost(), 2U);
  file.room = SIZE_MAX;
  buffer.add("four\n");
  EXPECT_EQ(file.content(), "one\ntw\nfour\n");
}

TEST(LineBuffer, ACutBetweenLinesLeavesNoEmptyLine) {
  FakeFile file;
  LineBuffer buffer(file, 20);
  buffer.add("one\n");
  buffer.add("two\n");
  file.room = 4;
  buffer.flush();
  EXPECT_EQ(buffer.take_lost(), 1U);
  file.room = SIZE_MAX;
  buffer.add("three\n");
  buffer.flush();
  EXPECT_EQ(file.content(), "one\nthree\n");
}

TEST(LineBuffer, ANewFileDoesNotBeginWithTheEndOfACutLine) {
  FakeFile file;
  LineBuffer buffer(file, 0);
  file.room = 2;
  buffer.add("one\n");
  file.room = SIZE_MAX;
  file.writes.clear();
  buffer.start_anew();
  buffer.add("two\n");
  EXPECT_THAT(file.writes, ElementsAre("two\n"));
}

// The lines of the file are those that were added, in order, but for as many as are counted as lost; a cut one stands alone.
TEST(LineBuffer, WithAnyFileAndAnyLinesNothingIsLostUncounted) {
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    FakeFile file;
    LineBuffer buffer(file, random() % 40);
    std::vector<std::string> added;
    for (int step = 0; step < 100; ++step) {
      file.room = random() % 3 == 0 ? random() % 30 : SIZE_MAX;
      if (random() % 8 == 0) {
        buffer.flush();
      } else {
        added.push_back(std::to_string(1000 + step) + std::string(random() % 30, 'x') + '\n');
        buffer.add(added.back());
      }
    }
    file.room = SIZE_MAX;
    added.emplace_back("last\n");
    buffer.add(added.back());
    buffer.flush();
    std::size_t found = 0;
    auto next = added.begin();
    const std::string content = file.content();
    for (std::size_t begin = 0; begin < content.size();) {
      const std::size_t end = content.find('\n', begin) + 1;
      const std::string line = content.substr(begin, end - begin);
      const auto place = std::find(next, added.end(), line);
      if (place == added.end()) {
        const auto is_cut = [&line](const std::string& whole) { return whole.compare(0, line.size() - 1, line, 0, line.size() - 1) == 0; };
        ASSERT_TRUE(std::any_of(next, added.end(), is_cut)) << line;
      } else {
        next = place + 1;
        ++found;
      }
      begin = end;
    }
    EXPECT_EQ(found + buffer.take_lost(), added.size() + file.cut_before_line_end);
  }
}

}  // namespace
}  // namespace sse
