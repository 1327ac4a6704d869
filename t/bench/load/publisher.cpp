#include "publisher.hpp"

#include "http_publisher.hpp"

#include <sys/time.h>

#include <hiredis/hiredis.h>

#include <array>

namespace sse::bench {

namespace {

constexpr timeval kTimeout{30, 0};

// Pipelined: all that is published between two accept() goes out together.
class RedisPublisher : public Publisher {
 public:
  RedisPublisher(const Url& url, Shared& shared) : shared_(shared) {
    context_ = redisConnectWithTimeout(url.host.c_str(), url.port, kTimeout);
    if (context_ == nullptr || context_->err != 0) {
      shared_.fail("Redis at %s:%u: %s", url.host.c_str(), unsigned{url.port}, context_ == nullptr ? "no memory" : context_->errstr);
    }
    redisSetTimeout(context_, kTimeout);
  }
  RedisPublisher(const RedisPublisher&) = delete;
  RedisPublisher& operator=(const RedisPublisher&) = delete;
  ~RedisPublisher() override { redisFree(context_); }

  void publish(const std::string& channel, const std::string& payload) override {
    std::array<const char*, 3> words{"PUBLISH", channel.c_str(), payload.c_str()};
    std::array<size_t, 3> lengths{7, channel.size(), payload.size()};
    redisAppendCommandArgv(context_, 3, words.data(), lengths.data());
    ++owed_;
  }

  void accept() override {
    for (; owed_ > 0; --owed_) {
      void* reply = nullptr;
      if (redisGetReply(context_, &reply) != REDIS_OK) {
        shared_.fail("PUBLISH: %s", context_->errstr);
      }
      const auto* answer = static_cast<redisReply*>(reply);
      if (answer->type == REDIS_REPLY_ERROR) {
        shared_.fail("PUBLISH: %s", answer->str);
      }
      freeReplyObject(reply);
    }
  }

 private:
  Shared& shared_;
  redisContext* context_;
  size_t owed_ = 0;
};

}  // namespace

std::unique_ptr<Publisher> make_publisher(const Url& url, Shared& shared) {
  if (url.scheme == "redis") {
    return std::make_unique<RedisPublisher>(url, shared);
  }
  if (url.scheme == "http") {
    return std::make_unique<HttpPublisher>(url, shared);
  }
  shared.fail("--publish %s://: redis:// or http://", url.scheme.c_str());
}

}  // namespace sse::bench
