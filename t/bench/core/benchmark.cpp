// Times every scenario with Google Benchmark, whose options it takes: --benchmark_filter=deliver, --benchmark_repetitions=5, …
#include <benchmark/benchmark.h>

#include <cstddef>

#include "scenario.hpp"

int main(int argc, char** argv) {
  for (const sse::bench::NamedScenario& scenario : sse::bench::all_scenarios()) {
    benchmark::RegisterBenchmark(scenario.name.c_str(), [make = scenario.make](benchmark::State& state) {
      const auto work = make();
      std::size_t operations = work->run();  // what is allocated once is not of interest
      for (auto _ : state) {
        operations = work->run();
      }
      state.counters["per_operation"] =
          benchmark::Counter(static_cast<double>(operations), benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
    });
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) {
    return 1;
  }
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
