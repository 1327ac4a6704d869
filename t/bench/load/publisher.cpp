#include "publisher.hpp"

#include "http_publisher.hpp"
#include "redis_pipeline.hpp"

#include <string>

namespace sse::bench {

namespace {

class MessagePublisher : public Publisher {
 public:
  MessagePublisher(const Url& url, Shared& shared) : redis_(url, shared) {}

  void publish(const std::string& channel, const std::string& payload) override { redis_.add({"PUBLISH", channel, payload}); }
  void accept() override { redis_.accept("PUBLISH"); }

 private:
  RedisPipeline redis_;
};

class EntryPublisher : public Publisher {
 public:
  EntryPublisher(const Url& url, Shared& shared, uint32_t maxlen) : redis_(url, shared), maxlen_(std::to_string(maxlen)) {}

  void publish(const std::string& channel, const std::string& payload) override {
    redis_.add({"XADD", channel, "MAXLEN", "~", maxlen_, "*", "data", payload});
  }
  void accept() override { redis_.accept("XADD"); }

 private:
  RedisPipeline redis_;
  std::string maxlen_;
};

}  // namespace

std::unique_ptr<Publisher> make_publisher(const Options& options, Shared& shared) {
  const Url& url = *options.publish;
  if (url.scheme == "redis" && options.is_entries) {
    return std::make_unique<EntryPublisher>(url, shared, options.maxlen);
  }
  if (url.scheme == "redis") {
    return std::make_unique<MessagePublisher>(url, shared);
  }
  if (url.scheme == "http") {
    return std::make_unique<HttpPublisher>(url, shared);
  }
  shared.fail("--publish %s://: redis:// or http://", url.scheme.c_str());
}

}  // namespace sse::bench
