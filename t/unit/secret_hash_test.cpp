#include "secret_hash.hpp"

#include <gtest/gtest.h>

#include <string>

namespace sse {
namespace {

// Key 00 01 … 0f, input 00 01 …, as in the paper on SipHash; each also by `openssl mac -macopt size:8 … SipHash`.
TEST(SecretHash, IsSipHash) {
  const SecretHash hash({0x0706050403020100, 0x0f0e0d0c0b0a0908});
  std::string input;
  for (char c = 0; c < 64; ++c) {
    switch (c) {
      case 0:
        EXPECT_EQ(hash(input), 0x726fdb47dd0e0e31);
        break;
      case 1:
        EXPECT_EQ(hash(input), 0x74f839c593dc67fd);
        break;
      case 8:
        EXPECT_EQ(hash(input), 0x93f5f5799a932462);
        break;
      case 15:
        EXPECT_EQ(hash(input), 0xa129ca6149be45e5);
        break;
      case 63:
        EXPECT_EQ(hash(input), 0x958a324ceb064572);
        break;
      default:
        break;
    }
    input.push_back(c);
  }
}

TEST(SecretHash, DependsOnEachHalfOfTheSecret) {
  EXPECT_NE(SecretHash({1, 2})("name"), SecretHash({1, 3})("name"));
  EXPECT_NE(SecretHash({1, 2})("name"), SecretHash({4, 2})("name"));
}

}  // namespace
}  // namespace sse
