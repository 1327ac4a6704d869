#include "peer_watch.hpp"

#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>

namespace sse::ngx {

bool PeerWatch::is_gone(const ngx_connection_t* c, std::uint64_t timeout_ms, std::uint64_t now_ms) {
  int unacknowledged = 0;
  if (ioctl(c->fd, SIOCOUTQ, &unacknowledged) == -1 || unacknowledged == 0) {
    waits_ = false;
    return false;
  }
  if (!waits_) {
    waits_ = true;
    unheard_since_ms_ = now_ms;
    return false;
  }
  tcp_info info{};
  socklen_t size = sizeof(info);
  if (getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &size) == -1) {
    return false;  // not TCP
  }
  if (info.tcpi_last_ack_recv < now_ms - unheard_since_ms_) {
    unheard_since_ms_ = now_ms - info.tcpi_last_ack_recv;
  }
  return now_ms - unheard_since_ms_ >= timeout_ms;
}

}  // namespace sse::ngx
