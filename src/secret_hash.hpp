// A hash for keys that strangers choose. Who does not know the secret cannot make names that collide, and with them a table slow.
#pragma once

#include <sodium/crypto_shorthash.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace sse {

using HashSecret = std::array<unsigned char, crypto_shorthash_KEYBYTES>;

// SipHash-2-4.
class SecretHash {
 public:
  explicit SecretHash(const HashSecret& secret) : secret_(secret) {}

  std::size_t operator()(std::string_view text) const {
    static_assert(sizeof(std::size_t) <= crypto_shorthash_BYTES);
    std::array<unsigned char, crypto_shorthash_BYTES> hash;
    crypto_shorthash(hash.data(), reinterpret_cast<const unsigned char*>(text.data()), text.size(), secret_.data());
    std::size_t value = 0;
    std::memcpy(&value, hash.data(), sizeof(value));
    return value;
  }

 private:
  HashSecret secret_;
};

}  // namespace sse
