// One durable channel or more, and who reads them: entries 1-0, 2-0 … of data e1, e2 …
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "durable_world.hpp"

namespace sse::test {

using Told = std::vector<std::string>;

class StreamFixture : public ::testing::Test {
 protected:
  StreamFixture() { world_.connect(); }

  FakeStreamServer::Stream& stream(const std::string& key = "news") { return world_.server.streams[key]; }
  // Entries 1-0, 2-0 … of data e1, e2 …
  void fill(std::uint64_t from, std::uint64_t to, const std::string& key = "news") {
    for (std::uint64_t i = from; i <= to; ++i) {
      stream(key).add({i, 0}, "e" + std::to_string(i));
    }
  }
  static Told told(std::uint64_t from, std::uint64_t to) {
    Told result;
    for (std::uint64_t i = from; i <= to; ++i) {
      result.push_back("e" + std::to_string(i) + " @" + std::to_string(i) + "-0");
    }
    return result;
  }
  static Told both(Told first, const Told& second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
  }

  std::unique_ptr<DurableReader> reader(std::string_view cursor = {}, const ReaderChoice& choice = {}) {
    auto made = world_.reader({"news"}, choice, cursor);
    world_.exchange();
    return made;
  }
  static ReaderChoice starting(Start start, std::size_t last = 0) {
    ReaderChoice choice;
    choice.durable.start = start;
    choice.durable.last = last;
    return choice;
  }
  void ring_and_read() {
    world_.ring("news");
    world_.exchange();
  }

  DurableWorld world_;
};

}  // namespace sse::test
