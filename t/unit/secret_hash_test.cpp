#include "secret_hash.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <string>

namespace sse {
namespace {

// Key 00 01 … 0f, input 00 01 … 0e, as in the paper on SipHash.
TEST(SecretHash, IsSipHash) {
  HashSecret secret;
  std::iota(secret.begin(), secret.end(), static_cast<unsigned char>(0));
  std::string input(15, '\0');
  std::iota(input.begin(), input.end(), '\0');
  EXPECT_EQ(SecretHash(secret)(input), 0xa129ca6149be45e5);
}

TEST(SecretHash, DependsOnEachByteOfTheSecret) {
  HashSecret secret{};
  const std::size_t without = SecretHash(secret)("name");
  for (unsigned char& byte : secret) {
    byte = 1;
    EXPECT_NE(SecretHash(secret)("name"), without);
    byte = 0;
  }
}

}  // namespace
}  // namespace sse
