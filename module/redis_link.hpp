// One socket to Redis: resolves, connects, carries a session's bytes, and comes back after a loss. What the bytes mean is the session's.
#pragma once

#include <string>
#include <vector>

#include "backoff.hpp"
#include "broker_conf.hpp"
#include "logger.hpp"
#include "loop_event.hpp"
#include "redis_session.hpp"

namespace sse::ngx {

class RedisLinkOwner {
 public:
  // The socket is closed; the session is to be told. A reconnect is on its way.
  virtual void link_lost() = 0;

 protected:
  ~RedisLinkOwner() = default;
};

class RedisLink final : public redis::SessionTransport {
 public:
  // `name` stands in log lines ("subscription"); `loss_level`: how bad a loss is. Conf, logger and owner must outlive the link.
  RedisLink(const BrokerConf& conf, const char* name, LogLevel loss_level, Logger& logger, RedisLinkOwner& owner)
      : conf_(conf), name_(name), loss_level_(loss_level), logger_(logger), owner_(owner) {}
  RedisLink(const RedisLink&) = delete;
  RedisLink& operator=(const RedisLink&) = delete;
  ~RedisLink() { close(); }

  // Begins to connect, and keeps at it. The session must outlive the link.
  void start(redis::Session& session);

  // Closes the connection and stays away.
  void stop();

  // Gives up the connection, and tries again after the backoff.
  void fail(const std::string& why) { fail(why, Cause::network); }

  // To be called several times in the answer timeout.
  void check_timeout();

  void on_output() override { write_event_.post(); }

 private:
  // A loss is told once; what the server itself says against us (a wrong password) is told beside it, other causes at level info.
  enum class Cause : std::uint8_t { network, server };

  static void handle_resolved(ngx_resolver_ctx_t* context);
  static void handle_read(ngx_event_t* event);
  static void handle_write(ngx_event_t* event);

  void fail(const std::string& why, Cause cause);
  void connect();
  void connect_to(const Address& address);
  void resolved(ngx_resolver_ctx_t& context);
  void connect_timed_out() { fail("connect timed out"); }
  bool finish_connect();
  void read();
  void write();
  void close();

  const BrokerConf& conf_;
  const char* name_;
  LogLevel loss_level_;
  Logger& logger_;
  RedisLinkOwner& owner_;
  redis::Session* session_ = nullptr;

  ngx_connection_t* connection_ = nullptr;
  ngx_resolver_ctx_t* resolving_ = nullptr;
  Address address_;  // that connection_ goes to
  bool connected_ = false;
  std::vector<std::string> told_;  // the causes that were logged since the session was last ready
  Backoff backoff_{50, 3000};
  LoopEvent reconnect_timer_ = LoopEvent::calling<RedisLink, &RedisLink::connect>(this);
  LoopEvent connect_timer_ = LoopEvent::calling<RedisLink, &RedisLink::connect_timed_out>(this);
  LoopEvent write_event_ = LoopEvent::calling<RedisLink, &RedisLink::write>(this);
};

}  // namespace sse::ngx
