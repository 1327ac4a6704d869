// Lets the fakes and references of the unit tests, which speak through GoogleTest, report to libFuzzer.
#pragma once

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

namespace sse::fuzz {

class AbortOnFailure final : public ::testing::EmptyTestEventListener {
  void OnTestPartResult(const ::testing::TestPartResult& result) override {
    if (result.failed()) {
      std::fprintf(stderr, "%s:%d: %s\n", result.file_name(), result.line_number(), result.message());
      std::abort();
    }
  }
};

// To be called once, by LLVMFuzzerInitialize.
inline void abort_on_failure() { ::testing::UnitTest::GetInstance()->listeners().Append(new AbortOnFailure); }

}  // namespace sse::fuzz
