// Writes through nginx's filter chain, on buffers that point into the logs.
#pragma once

#include "ngx.hpp"
#include "segment.hpp"
#include "writer.hpp"

namespace sse::ngx {

class FilterWriter final : public Writer {
 public:
  explicit FilterWriter(ngx_http_request_t* r) : r_(r) {}
  FilterWriter(const FilterWriter&) = delete;
  FilterWriter& operator=(const FilterWriter&) = delete;
  ~FilterWriter();

  SendResult send(const Batch& batch) override;
  std::size_t batch_limit() const override { return kBatchBytes; }
  std::optional<std::uint64_t> oldest_in_flight_ms() const override { return in_flight_ms_; }
  std::size_t in_flight_bytes() const override;
  SendResult::State flush() override;

 private:
  // What a transport may hold unsent of one subscriber, beside its own buffers.
  static constexpr std::size_t kBatchBytes = 64 * 1024;

  // A buffer of nginx's and the bytes it points at. nginx moves the buffer's pointers, and gives it back when all is sent.
  struct InFlight {
    ngx_buf_t buf;  // first: nginx's pointer leads back to this
    SegmentRef segment;
    InFlight* next;  // of all that this writer made
  };

  ngx_chain_t* add(const Piece& piece);
  SendResult::State output(ngx_chain_t* chain);

  ngx_http_request_t* r_;
  InFlight* all_ = nullptr;
  ngx_chain_t* free_ = nullptr;                // given back, to be used again: nothing is allocated for each message
  ngx_chain_t* busy_ = nullptr;                // oldest first
  std::optional<std::uint64_t> in_flight_ms_;  // since when what was taken is due, while some of it is in a filter or a buffer of nginx's
};

}  // namespace sse::ngx
