// What Redis sends, from bytes to messages.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "redis_reply.hpp"
#include "redis_session.hpp"
#include "scenario.hpp"
#include "world.hpp"

namespace sse::bench {

namespace {

constexpr std::size_t kReadBytes = std::size_t{64} * 1024;  // of the broker's socket at once

class Decode final : public Scenario, private redis::SessionObserver, private redis::SessionTransport {
 public:
  Decode(std::size_t payload_bytes, std::size_t messages) : messages_(messages) {
    for (std::size_t i = 0; i < messages; ++i) {
      bytes_ += redis_message("news", text_of_size(payload_bytes));
    }
    session_.connected(0);
    require(session_.receive("*0\r\n", 0) && session_.is_ready());  // HELLO's answer
  }

  std::size_t run() override {
    pushes_ = 0;
    for (std::size_t at = 0; at < bytes_.size(); at += kReadBytes) {
      require(session_.receive(std::string_view(bytes_).substr(at, kReadBytes), 0));
    }
    require(pushes_ == messages_);
    return pushes_;
  }

 private:
  void on_ready(const redis::ServerInfo&, std::uint64_t) override {}
  void on_reply(const redis::Request&, redis::ReplyView, std::uint64_t) override {}
  void on_push(redis::ReplyView push, std::uint64_t) override { pushes_ += push.at(2).text().empty() ? 0 : 1; }
  void on_output() override {}

  std::size_t messages_;
  std::size_t pushes_ = 0;
  std::string bytes_;
  redis::Session session_{{"", "", 0, "bench"}, *this, *this, {}, 0};
};

}  // namespace

void add_redis(Scenarios& scenarios) {
  add<Decode>(scenarios, "decode/100B", std::size_t{100}, std::size_t{1000});
  add<Decode>(scenarios, "decode/10KB", std::size_t{10'000}, std::size_t{10});
  add<Decode>(scenarios, "decode/1MB", std::size_t{1'000'000}, std::size_t{1});
}

}  // namespace sse::bench
