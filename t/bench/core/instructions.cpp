// Runs scenarios so that callgrind counts their instructions, without what sets them up: one dump for each, triggered with its name.
//
//   valgrind --tool=callgrind --instr-atstart=no … core_instructions [name …]    prints its toolchain, then "name operations" for each
#include <gnu/libc-version.h>
#include <valgrind/callgrind.h>

#include <cstddef>
#include <cstdio>
#include <cstring>

#include "scenario.hpp"

namespace {

#ifdef __clang__
constexpr const char* kCompiler = "clang";
#else
constexpr const char* kCompiler = "gcc";
#endif
#ifdef __x86_64__
constexpr const char* kMachine = "x86_64";
#else
constexpr const char* kMachine = "another machine";
#endif

constexpr int kWarmUps = 3;
constexpr std::size_t kOperations = 20;  // at least: the allocator does not find the same at each

bool is_wanted(const char* name, int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(name, argv[i]) == 0) {
      return true;
    }
  }
  return argc == 1;
}

}  // namespace

int main(int argc, char** argv) {
  std::printf("%s, %s %s, glibc %s\n", kMachine, kCompiler, __VERSION__, gnu_get_libc_version());
  for (const sse::bench::NamedScenario& scenario : sse::bench::all_scenarios()) {
    if (!is_wanted(scenario.name.c_str(), argc, argv)) {
      continue;
    }
    const auto work = scenario.make();
    for (int i = 0; i < kWarmUps; ++i) {  // what is allocated once is not of interest
      work->run();
    }
    std::size_t operations = 0;
    CALLGRIND_START_INSTRUMENTATION;
    while (operations < kOperations) {
      operations += work->run();
    }
    CALLGRIND_STOP_INSTRUMENTATION;
    CALLGRIND_DUMP_STATS_AT(scenario.name.c_str());
    std::printf("%s %zu\n", scenario.name.c_str(), operations);
  }
  return 0;
}
