// One lane's socket to Redis.
#pragma once

#include <memory>
#include <string>

#include "lane_connection.hpp"
#include "lanes.hpp"
#include "logger.hpp"
#include "loop_event.hpp"
#include "redis_link.hpp"

namespace sse::ngx {

class LaneLink final : public LaneConnection, private RedisLinkOwner {
 public:
  // Conf, logger and owner must outlive the link.
  LaneLink(const BrokerConf& conf, Logger& logger, LaneConnectionOwner& owner)
      : owner_(owner), link_(conf, "lane", LogLevel::info, logger, *this) {}

  redis::SessionTransport& transport() override { return link_; }
  void start(redis::Session& session) override { link_.start(session); }
  void fail(const std::string& why) override { link_.fail(why); }
  void check_timeout() override { link_.check_timeout(); }

 private:
  void link_lost() override { owner_.connection_lost(); }

  LaneConnectionOwner& owner_;
  RedisLink link_;
};

// Lanes of one broker in one worker: gives them sockets, and calls them when they are due.
class LaneLinks final : private LaneHost {
 public:
  // Conf, logger and command session must outlive this. The command connection is closed before this is destroyed.
  LaneLinks(const BrokerConf& conf, Logger& logger, redis::Session& command, const LanesOptions& options)
      : conf_(conf), logger_(logger), lanes_(*this, logger, command, options) {}

  Lanes& lanes() { return lanes_; }

  // To be called several times in the answer timeout.
  void check_timeouts() { lanes_.check_timeouts(); }

  // Leaves Redis for good: all streams are in no lane afterwards.
  void stop() { lanes_.close(); }

 private:
  std::unique_ptr<LaneConnection> make_connection(LaneConnectionOwner& owner) override {
    return std::make_unique<LaneLink>(conf_, logger_, owner);
  }
  void on_due() override { due_event_.post(); }
  void tick();

  const BrokerConf& conf_;
  Logger& logger_;
  LoopEvent due_event_ = LoopEvent::calling<LaneLinks, &LaneLinks::tick>(this);
  LoopEvent due_timer_ = LoopEvent::calling<LaneLinks, &LaneLinks::tick>(this);
  Lanes lanes_;
};

}  // namespace sse::ngx
