#pragma once

#include "options.hpp"
#include "shared.hpp"

#include <cstddef>
#include <initializer_list>
#include <string_view>

struct redisContext;

namespace sse::bench {

// Commands to Redis: what is added between two accept() goes out together. Blocking; a failure ends the process with a complaint.
class RedisPipeline {
 public:
  RedisPipeline(const Url& url, Shared& shared);
  RedisPipeline(const RedisPipeline&) = delete;
  RedisPipeline& operator=(const RedisPipeline&) = delete;
  ~RedisPipeline();

  void add(std::initializer_list<std::string_view> words);

  // Waits for the answers. An error among them is a failure of what `what` names.
  void accept(const char* what);

 private:
  Shared& shared_;
  redisContext* context_;
  size_t owed_ = 0;  // answers
};

}  // namespace sse::bench
