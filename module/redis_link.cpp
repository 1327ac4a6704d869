#include "redis_link.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace sse::ngx {

namespace {

constexpr std::size_t kMaxCauses = 8;  // told of one loss
constexpr std::size_t kReadBytes = 64 * 1024;
// What is read in one turn of the event loop, before the messages are handed out: well under a log's buffer.
constexpr std::size_t kReadBytesPerTurn = 512 * 1024;

std::string describe(const char* what, int error) { return std::string(what) + ": " + std::strerror(error); }

// nginx would log each attempt and each broken read as an error; the link says it once for each loss.
ngx_log_t& quiet_log() {
  static ngx_log_t log;
  log = *ngx_cycle->log;
  log.log_level = NGX_LOG_EMERG;
  return log;
}

RedisLink& link_of(ngx_event_t* event) { return *static_cast<RedisLink*>(static_cast<ngx_connection_t*>(event->data)->data); }

}  // namespace

void RedisLink::start(redis::Session& session) {
  session_ = &session;
  connect();
}

void RedisLink::stop() {
  close();
  owner_.link_lost();
}

void RedisLink::connect() {
  if (!conf_.addresses.empty()) {
    connect_to(conf_.addresses[random_up_to(conf_.addresses.size() - 1)]);
    return;
  }
  ngx_resolver_ctx_t* context = ngx_resolve_start(conf_.resolver, nullptr);
  if (context == nullptr || context == NGX_NO_RESOLVER) {
    fail("cannot resolve the host name: no resolver");
    return;
  }
  context->name = borrow(conf_.url.host);
  context->handler = handle_resolved;
  context->data = this;
  context->timeout = conf_.resolver_timeout_ms;
  context->cancelable = 1;
  resolving_ = context;
  if (ngx_resolve_name(context) != NGX_OK) {
    resolving_ = nullptr;  // ngx_resolve_name has freed it
    fail("cannot resolve the host name");
  }
}

void RedisLink::handle_resolved(ngx_resolver_ctx_t* context) {
  auto* link = static_cast<RedisLink*>(context->data);
  fence(ngx_cycle->log, [link, context] { link->resolved(*context); });
}

void RedisLink::resolved(ngx_resolver_ctx_t& context) {
  resolving_ = nullptr;
  Address address;
  if (context.state == NGX_OK && context.naddrs != 0) {
    const ngx_resolver_addr_t& found = context.addrs[random_up_to(context.naddrs - 1)];
    address.sockaddr.assign(reinterpret_cast<const char*>(found.sockaddr), found.socklen);
    ngx_inet_set_port(reinterpret_cast<sockaddr*>(address.sockaddr.data()), conf_.url.port);
    u_char text[NGX_SOCKADDR_STRLEN];
    const std::size_t length =
        ngx_sock_ntop(reinterpret_cast<sockaddr*>(address.sockaddr.data()), found.socklen, text, NGX_SOCKADDR_STRLEN, 1);
    address.name.assign(reinterpret_cast<const char*>(text), length);
  }
  const std::string error =
      address.name.empty() ? std::string("host name not resolved: ") + ngx_resolver_strerror(context.state) : std::string();
  ngx_resolve_name_done(&context);
  if (error.empty()) {
    connect_to(address);
  } else {
    fail(error);
  }
}

void RedisLink::connect_to(const Address& address) {
  address_ = address;
  ngx_str_t name = borrow(address_.name);
  ngx_peer_connection_t peer;
  ngx_memzero(&peer, sizeof(peer));
  peer.sockaddr = reinterpret_cast<sockaddr*>(address_.sockaddr.data());
  peer.socklen = static_cast<socklen_t>(address_.sockaddr.size());
  peer.name = &name;
  peer.get = ngx_event_get_peer;
  peer.log = &quiet_log();
  peer.log_error = NGX_ERROR_ERR;

  const ngx_int_t rc = ngx_event_connect_peer(&peer);
  connection_ = peer.connection;
  if (rc != NGX_OK && rc != NGX_AGAIN) {
    fail(describe("connect failed", ngx_socket_errno));
    return;
  }
  connection_->data = this;
  connection_->read->handler = handle_read;
  connection_->write->handler = handle_write;
  if (rc == NGX_AGAIN) {
    connect_timer_.set_timer(conf_.connect_timeout_ms);
  } else {
    write();
  }
}

bool RedisLink::finish_connect() {
  int error = 0;
  socklen_t length = sizeof(error);
  if (getsockopt(connection_->fd, SOL_SOCKET, SO_ERROR, &error, &length) == -1) {
    error = ngx_socket_errno;
  }
  if (error != 0) {
    fail(describe("connect failed", error));
    return false;
  }
  connected_ = true;
  connect_timer_.cancel();
  if (conf_.url.kind == BrokerUrl::Kind::tcp) {
    ngx_tcp_nodelay(connection_);
  }
  session_->connected(now_ms());
  return true;
}

void RedisLink::handle_write(ngx_event_t* event) {
  fence(ngx_cycle->log, [event] { link_of(event).write(); });
}

void RedisLink::write() {
  if (connection_ == nullptr || (!connected_ && !finish_connect())) {
    return;
  }
  while (!session_->output().empty()) {
    const std::string_view output = session_->output();
    const ssize_t sent = connection_->send(connection_, reinterpret_cast<u_char*>(const_cast<char*>(output.data())), output.size());
    if (sent == NGX_AGAIN) {
      break;
    }
    if (sent <= 0) {
      fail(describe("write failed", ngx_socket_errno));
      return;
    }
    session_->written(static_cast<std::size_t>(sent));
  }
  if (ngx_handle_write_event(connection_->write, 0) != NGX_OK) {
    fail("cannot wait for the socket");
  }
}

void RedisLink::handle_read(ngx_event_t* event) {
  fence(ngx_cycle->log, [event] { link_of(event).read(); });
}

void RedisLink::read() {
  // worker_shutdown_timeout closes every connection by this call.
  if (connection_->close && connection_->error) {
    stop();
    return;
  }
  connection_->close = 0;
  if (!connected_ && !finish_connect()) {
    return;
  }
  static char buffer[kReadBytes];
  for (std::size_t total = 0; total < kReadBytesPerTurn;) {
    const ssize_t received = connection_->recv(connection_, reinterpret_cast<u_char*>(buffer), sizeof(buffer));
    if (received == NGX_AGAIN) {
      if (ngx_handle_read_event(connection_->read, 0) != NGX_OK) {
        fail("cannot wait for the socket");
      }
      return;
    }
    if (received <= 0) {
      session_->ended_by_server();
    }
    if (received == 0) {
      fail("closed by the server");
      return;
    }
    if (received < 0) {
      fail(describe("read failed", ngx_socket_errno));
      return;
    }
    const bool was_ready = session_->is_ready();
    if (!session_->receive({buffer, static_cast<std::size_t>(received)}, now_ms())) {
      fail(session_->error(), Cause::server);
      return;
    }
    if (!was_ready && session_->is_ready()) {
      backoff_.reset();
      told_.clear();
    }
    total += static_cast<std::size_t>(received);
  }
  ngx_post_event(connection_->read, &ngx_posted_next_events);
}

void RedisLink::check_timeout() {
  if (connected_ && !session_->check_timeout(now_ms())) {
    fail(session_->error());
  }
}

void RedisLink::fail(const std::string& why, Cause cause) {
  const std::string where = address_.name.empty() || address_.name == conf_.url.host ? std::string() : " (" + address_.name + ")";
  if (told_.size() < kMaxCauses && std::find(told_.begin(), told_.end(), why) == told_.end()) {
    const bool is_news = told_.empty() || cause == Cause::server;
    told_.push_back(why);
    logger_.log(is_news ? loss_level_ : LogLevel::info, std::string(name_) + " connection lost" + where + ": " + why);
  }
  close();
  owner_.link_lost();
  reconnect_timer_.set_timer(backoff_.next_ms(static_cast<std::uint32_t>(ngx_random()) << 1));
}

void RedisLink::close() {
  reconnect_timer_.cancel();
  connect_timer_.cancel();
  write_event_.cancel();
  connected_ = false;
  if (resolving_ != nullptr) {
    ngx_resolve_name_done(resolving_);
    resolving_ = nullptr;
  }
  if (connection_ != nullptr) {
    ngx_close_connection(connection_);
    connection_ = nullptr;
  }
}

}  // namespace sse::ngx
