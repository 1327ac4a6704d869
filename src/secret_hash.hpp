// A hash for keys that strangers choose. Who does not know the secret cannot make names that collide, and with them a table slow.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sse {

using HashSecret = std::array<std::uint64_t, 2>;

// SipHash-2-4.
class SecretHash {
 public:
  explicit SecretHash(const HashSecret& secret) : secret_(secret) {}

  std::size_t operator()(std::string_view text) const;

 private:
  HashSecret secret_;
};

}  // namespace sse
