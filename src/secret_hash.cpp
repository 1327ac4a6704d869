#include "secret_hash.hpp"

namespace sse {

namespace {

constexpr std::uint64_t rotated(std::uint64_t value, unsigned bits) { return value << bits | value >> (64 - bits); }

struct State {
  std::uint64_t a, b, c, d;

  void round() {
    a += b;
    b = rotated(b, 13) ^ a;
    a = rotated(a, 32);
    c += d;
    d = rotated(d, 16) ^ c;
    a += d;
    d = rotated(d, 21) ^ a;
    c += b;
    b = rotated(b, 17) ^ c;
    c = rotated(c, 32);
  }

  void take(std::uint64_t word) {
    d ^= word;
    round();
    round();
    a ^= word;
  }
};

// Eight bytes, or what there is, little endian.
std::uint64_t word_of(std::string_view bytes) {
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    word |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  }
  return word;
}

}  // namespace

std::size_t SecretHash::operator()(std::string_view text) const {
  State state{secret_[0] ^ 0x736f6d6570736575, secret_[1] ^ 0x646f72616e646f6d, secret_[0] ^ 0x6c7967656e657261,
              secret_[1] ^ 0x7465646279746573};
  std::string_view rest = text;
  for (; rest.size() >= 8; rest.remove_prefix(8)) {
    state.take(word_of(rest.substr(0, 8)));
  }
  state.take(word_of(rest) | std::uint64_t{text.size()} << 56);
  state.c ^= 0xff;
  for (int i = 0; i < 4; ++i) {
    state.round();
  }
  return state.a ^ state.b ^ state.c ^ state.d;
}

}  // namespace sse
