#include "reader.hpp"

#include "browser_request.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace sse::bench {

namespace {

constexpr size_t kBufferSize = 256 * 1024;
constexpr uint32_t kPerSource = 10'000;        // connections from one loopback address
constexpr uint32_t kFirstSource = 0x7f000002;  // 127.0.0.2
constexpr uint64_t kControl = UINT64_MAX;      // in epoll's data: no subscriber

}  // namespace

Reader::Reader(const Options& options, Shared& shared, uint32_t number, int control, int progress)
    : options_(options),
      shared_(shared),
      counters_(shared.readers[number]),
      control_(control),
      tally_(options, shared, counters_, progress),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      server_(server_address(options.url.host, options.url.port)),
      buffer_(kBufferSize) {
  if (options.url.scheme == "https") {
    context_ = make_ssl_context(options.is_http2 ? "h2" : "http/1.1");
  }
  for (uint32_t index = number; index < options.subscribers; index += options.processes) {
    Subscriber& subscriber = subscribers_.emplace_back();
    subscriber.index = index;
    subscriber.next.assign(options.channels_each, options.mode == Mode::replay ? options.had_last(index) + 1 : Tally::kUnheard);
  }
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kControl;
  epoll_ctl(epoll_, EPOLL_CTL_ADD, control_, &event);
}

void Reader::run() {
  std::array<epoll_event, 512> events{};
  for (;;) {
    connect_more();
    int n = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < n; ++i) {
      const epoll_event& event = events[static_cast<size_t>(i)];
      if (event.data.u64 != kControl) {
        on_event(subscribers_[event.data.u64], event.events);
        continue;
      }
      char command = 0;
      if (::read(control_, &command, 1) != 1) {
        return;
      }
      stall();
    }
    tally_.end_round();
  }
}

void Reader::connect_more() {
  while (begun_ < subscribers_.size() && connecting_ < options_.connecting) {
    ++connecting_;
    connect(subscribers_[begun_++]);
  }
}

void Reader::connect(Subscriber& subscriber) {
  bool is_loopback = ntohl(server_.sin_addr.s_addr) >> 24U == 127;
  uint32_t source = is_loopback ? kFirstSource + subscriber.index / kPerSource : 0;
  if (!subscriber.socket.connect(server_, source, context_.get())) {
    refuse(subscriber, std::strerror(errno));
  }
  watch(subscriber, EPOLLOUT, EPOLL_CTL_ADD);
}

void Reader::watch(Subscriber& subscriber, uint32_t events, int operation) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = subscriber.index / options_.processes;  // its place in subscribers_
  epoll_ctl(epoll_, operation, subscriber.socket.fd(), &event);
}

void Reader::on_event(Subscriber& subscriber, uint32_t events) {
  switch (subscriber.state) {
    case Subscriber::State::connecting:
      on_connected(subscriber);
      break;
    case Subscriber::State::handshaking:
      handshake(subscriber);
      break;
    case Subscriber::State::asking:
      write_pending(subscriber);
      break;
    case Subscriber::State::waiting:
    case Subscriber::State::open:
      if (subscriber.is_stalled) {
        // Not asked for: the connection is broken.
        closed(subscriber);
      } else if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
        read(subscriber);
      } else {
        write_pending(subscriber);
      }
      break;
    case Subscriber::State::closed:
      break;
  }
}

void Reader::on_connected(Subscriber& subscriber) {
  if (int error = subscriber.socket.connect_error(); error != 0) {
    refuse(subscriber, std::strerror(error));
  }
  subscriber.state = Subscriber::State::handshaking;
  handshake(subscriber);
}

void Reader::handshake(Subscriber& subscriber) {
  switch (subscriber.socket.handshake()) {
    case Socket::Status::done:
      ask(subscriber);
      break;
    case Socket::Status::want_read:
      watch(subscriber, EPOLLIN, EPOLL_CTL_MOD);
      break;
    case Socket::Status::want_write:
      watch(subscriber, EPOLLOUT, EPOLL_CTL_MOD);
      break;
    case Socket::Status::closed:
      refuse(subscriber, "the TLS handshake failed");
  }
}

void Reader::ask(Subscriber& subscriber) {
  std::string names;
  uint32_t first = options_.first_channel(subscriber.index);
  for (uint32_t i = 0; i < options_.channels_each; ++i) {
    names.append(i == 0 ? "" : ",").append(options_.channel_name((first + i) % options_.channels));
  }
  std::string path = options_.url.path_for(names);
  std::string host = options_.url.host + ":" + std::to_string(options_.url.port);
  std::string last_id = options_.mode == Mode::replay ? options_.entry_id(options_.had_last(subscriber.index)) : "";
  if (options_.is_http2) {
    subscriber.pending = subscriber.response.begin_http2(options_.url.scheme, host, path, last_id);
  } else {
    subscriber.pending = browser_request(path, host, last_id);
  }
  subscriber.state = Subscriber::State::asking;
  write_pending(subscriber);
}

void Reader::write_pending(Subscriber& subscriber) {
  std::string_view rest = subscriber.pending;
  Socket::Status status = subscriber.socket.write(rest);
  subscriber.pending.erase(0, subscriber.pending.size() - rest.size());
  if (status == Socket::Status::closed) {
    if (subscriber.state == Subscriber::State::asking) {
      refuse(subscriber, "the connection was closed before the request was out");
    }
    closed(subscriber);
    return;
  }
  if (subscriber.state == Subscriber::State::asking && rest.empty()) {
    subscriber.state = Subscriber::State::waiting;
    std::string().swap(subscriber.pending);  // frees it: most have nothing to send any more
  }
  watch(subscriber, rest.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
}

void Reader::read(Subscriber& subscriber) {
  for (;;) {
    size_t length = 0;
    switch (subscriber.socket.read(buffer_.data(), buffer_.size(), length)) {
      case Socket::Status::done:
        break;
      case Socket::Status::closed:
        closed(subscriber);
        return;
      default:
        return;
    }
    tally_.received(length);
    on_bytes(subscriber, {buffer_.data(), length});
    // What is left in a plain socket, epoll says again.
    if (subscriber.state == Subscriber::State::closed || !subscriber.socket.is_tls()) {
      return;
    }
  }
}

void Reader::on_bytes(Subscriber& subscriber, std::string_view bytes) {
  Response& response = subscriber.response;
  const char* wrong = response.feed(bytes, [&](std::string_view body) {
    subscriber.events.feed(
        body, [&](std::string_view begin, size_t size) { on_message(subscriber, begin, size); }, [this] { ++counters_.resets; });
  });
  if (wrong != nullptr) {
    refuse(subscriber, wrong);
  }
  if (subscriber.state == Subscriber::State::waiting && response.status() != 0) {
    if (response.status() != 200) {
      refuse(subscriber, response.line());
    }
    subscriber.state = Subscriber::State::open;
    --connecting_;
    ++counters_.open;
  }
  if (response.is_complete()) {
    closed(subscriber);
    return;
  }
  bool is_blocked = !subscriber.pending.empty();
  response.take_output(subscriber.pending);
  if (!is_blocked && !subscriber.pending.empty()) {
    write_pending(subscriber);
  }
}

void Reader::on_message(Subscriber& subscriber, std::string_view begin, size_t size) {
  if (!tally_.add(subscriber.index, subscriber.next, begin, size)) {
    refuse(subscriber, "a message of a channel that was not asked for");
  }
}

void Reader::closed(Subscriber& subscriber) {
  if (subscriber.state != Subscriber::State::open) {
    refuse(subscriber, "the connection was closed before the response");
  }
  subscriber.state = Subscriber::State::closed;
  subscriber.socket.close();
  ++counters_.closed;
}

void Reader::stall() {
  for (Subscriber& subscriber : subscribers_) {
    if (options_.is_stalled(subscriber.index) && subscriber.state == Subscriber::State::open) {
      subscriber.is_stalled = true;
      watch(subscriber, 0, EPOLL_CTL_MOD);
    }
  }
}

void Reader::refuse(const Subscriber& subscriber, std::string_view what) {
  shared_.fail("subscriber %u of %u at %s:%u: %.*s", subscriber.index + 1, options_.subscribers, options_.url.host.c_str(),
               unsigned{options_.url.port}, static_cast<int>(what.size()), what.data());
}

}  // namespace sse::bench
