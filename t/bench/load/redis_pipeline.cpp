#include "redis_pipeline.hpp"

#include <sys/time.h>

#include <hiredis/hiredis.h>

#include <vector>

namespace sse::bench {

namespace {

constexpr timeval kTimeout{30, 0};

}  // namespace

RedisPipeline::RedisPipeline(const Url& url, Shared& shared) : shared_(shared) {
  context_ = redisConnectWithTimeout(url.host.c_str(), url.port, kTimeout);
  if (context_ == nullptr || context_->err != 0) {
    shared_.fail("Redis at %s:%u: %s", url.host.c_str(), unsigned{url.port}, context_ == nullptr ? "no memory" : context_->errstr);
  }
  redisSetTimeout(context_, kTimeout);
}

RedisPipeline::~RedisPipeline() { redisFree(context_); }

void RedisPipeline::add(std::initializer_list<std::string_view> words) {
  std::vector<const char*> texts;
  std::vector<size_t> lengths;
  for (std::string_view word : words) {
    texts.push_back(word.data());
    lengths.push_back(word.size());
  }
  redisAppendCommandArgv(context_, static_cast<int>(texts.size()), texts.data(), lengths.data());
  ++owed_;
}

void RedisPipeline::accept(const char* what) {
  for (; owed_ > 0; --owed_) {
    void* reply = nullptr;
    if (redisGetReply(context_, &reply) != REDIS_OK) {
      shared_.fail("%s: %s", what, context_->errstr);
    }
    const auto* answer = static_cast<redisReply*>(reply);
    if (answer->type == REDIS_REPLY_ERROR) {
      shared_.fail("%s: %s", what, answer->str);
    }
    freeReplyObject(reply);
  }
}

}  // namespace sse::bench
