// A way for a stream's bytes to leave: beside nginx's filter chain, or through it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "ngx.hpp"
#include "sink.hpp"

namespace sse::ngx {

class Writer {
 public:
  // See Sink.
  virtual SendResult send(const Batch& batch) = 0;
  virtual GroupPlace* group_place() { return nullptr; }
  virtual std::size_t batch_limit() const = 0;
  virtual std::optional<std::uint64_t> oldest_in_flight_ms() const = 0;
  virtual std::size_t in_flight_bytes() const = 0;

  // The transport can take bytes again: moves on what was taken already. `ready` when there is room for more.
  virtual SendResult::State flush() = 0;

 protected:
  ~Writer() = default;
};

}  // namespace sse::ngx
