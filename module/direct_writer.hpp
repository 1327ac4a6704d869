// Writes beside nginx's filter chain, straight to the connection: one system call for a batch, no buffer of nginx's in between.
#pragma once

#include "ngx.hpp"
#include "send_group.hpp"
#include "writer.hpp"

namespace sse::ngx {

// May the response be written directly? Compares the request before its header with what the header made of it: nothing may stand
// between the response and its connection but nginx's own chunked filter, whose framing the logs have built in.
class DirectCheck {
 public:
  // To be made before the header is sent. Clears the request's two need_in_memory flags, which filters set when they join.
  explicit DirectCheck(ngx_http_request_t* r);

  // To be called once, after the header and the first bytes of the body went out; restores the flags.
  bool is_direct();

 private:
  static constexpr ngx_uint_t kMaxModules = 256;  // nginx that has more is written to through its filters

  ngx_http_request_t* r_;
  bool main_need_in_memory_;
  bool need_in_memory_;
  const void* contexts_[kMaxModules];
};

class DirectWriter final : public Writer, public GroupPlace {
 public:
  explicit DirectWriter(ngx_connection_t* c) : c_(c) {}

  ngx_connection_t* connection() const { return c_; }

  SendResult send(const Batch& batch) override;
  std::size_t batch_limit() const override { return kBatchBytes; }
  std::optional<std::uint64_t> oldest_in_flight_ms() const override;
  std::size_t in_flight_bytes() const override { return 0; }  // the socket and OpenSSL have copies
  SendResult::State flush() override;

  // Itself, when a send may be made for it by others; null: not now, or never (TLS).
  GroupPlace* group_place() override { return is_plain() && !c_->buffered && c_->write->ready ? this : nullptr; }

  // Requires a group place.
  SendResult send_piece(const Piece& piece);

 private:
  static constexpr std::size_t kBatchBytes = 1024 * 1024;

  bool is_plain() const;
  SendResult::State wait_for_room();

  ngx_connection_t* c_;
  std::uint64_t in_flight_ms_ = 0;  // of bytes that OpenSSL holds; valid while c_->buffered
};

}  // namespace sse::ngx
