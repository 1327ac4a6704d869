#pragma once

#include "options.hpp"
#include "shared.hpp"
#include "socket.hpp"
#include "subscriber.hpp"
#include "tally.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string_view>
#include <vector>

namespace sse::bench {

// A process with its share of the subscribers: connects them, reads what comes, counts and times it. Ends when `control` does; a byte
// there tells the stalled subscribers to stop reading.
class Reader {
 public:
  Reader(const Options& options, Shared& shared, uint32_t number, int control, int progress);

  void run();

 private:
  void connect_more();
  void connect(Subscriber& subscriber);
  void on_event(Subscriber& subscriber, uint32_t events);
  void on_connected(Subscriber& subscriber);
  void handshake(Subscriber& subscriber);
  void ask(Subscriber& subscriber);
  void write_pending(Subscriber& subscriber);
  void read(Subscriber& subscriber);
  void on_bytes(Subscriber& subscriber, std::string_view bytes);
  void on_message(Subscriber& subscriber, std::string_view begin, size_t size);
  void closed(Subscriber& subscriber);
  void watch(Subscriber& subscriber, uint32_t events, int operation);
  void stall();
  [[noreturn]] void refuse(const Subscriber& subscriber, std::string_view what);

  const Options& options_;
  Shared& shared_;
  ReaderCounters& counters_;
  int control_;
  Tally tally_;
  int epoll_;
  sockaddr_in server_;
  SslContext context_;
  std::deque<Subscriber> subscribers_;  // never moved: they own descriptors
  size_t begun_ = 0;                    // subscribers that connect or did
  size_t connecting_ = 0;
  std::vector<char> buffer_;
};

}  // namespace sse::bench
