// A fixed piece of the core's work. The same scenarios are timed (benchmark.cpp) and counted in instructions (instructions.cpp), so they
// must not depend on a clock, on addresses or on chance.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace sse::bench {

class Scenario {
 public:
  Scenario() = default;
  virtual ~Scenario() = default;
  Scenario(const Scenario&) = delete;
  Scenario& operator=(const Scenario&) = delete;

  // Works once, and leaves everything as it was before. Returns how many operations that were.
  virtual std::size_t run() = 0;
};

struct NamedScenario {
  std::string name;
  std::function<std::unique_ptr<Scenario>()> make;
};

using Scenarios = std::vector<NamedScenario>;

template <class T, class... Arguments>
void add(Scenarios& scenarios, std::string name, Arguments... arguments) {
  scenarios.push_back({std::move(name), [arguments...] { return std::make_unique<T>(arguments...); }});
}

void add_encoding(Scenarios& scenarios);
void add_log(Scenarios& scenarios);
void add_delivery(Scenarios& scenarios);
void add_redis(Scenarios& scenarios);
void add_topics(Scenarios& scenarios);

inline Scenarios all_scenarios() {
  Scenarios scenarios;
  add_encoding(scenarios);
  add_log(scenarios);
  add_delivery(scenarios);
  add_redis(scenarios);
  add_topics(scenarios);
  return scenarios;
}

}  // namespace sse::bench
