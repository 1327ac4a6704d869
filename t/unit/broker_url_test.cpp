#include "broker_url.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace sse {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

BrokerUrl parsed(std::string_view text) {
  BrokerUrl url;
  std::string error;
  EXPECT_TRUE(parse_broker_url(text, url, error)) << text << ": " << error;
  EXPECT_EQ(error, "") << text;
  return url;
}

std::string error_of(std::string_view text) {
  BrokerUrl url;
  std::string error;
  EXPECT_FALSE(parse_broker_url(text, url, error)) << text;
  return error;
}

TEST(BrokerUrl, AHostIsEnough) {
  const BrokerUrl url = parsed("redis://redis.example");
  EXPECT_EQ(url.kind, BrokerUrl::Kind::tcp);
  EXPECT_EQ(url.host, "redis.example");
  EXPECT_EQ(url.port, 6379);
  EXPECT_EQ(url.db, 0u);
  EXPECT_EQ(url.user, "");
  EXPECT_EQ(url.password, "");
}

TEST(BrokerUrl, TakesAllParts) {
  const BrokerUrl url = parsed("redis://app:s3cret@10.0.0.1:6380/12");
  EXPECT_EQ(url.user, "app");
  EXPECT_EQ(url.password, "s3cret");
  EXPECT_EQ(url.host, "10.0.0.1");
  EXPECT_EQ(url.port, 6380);
  EXPECT_EQ(url.db, 12u);
}

TEST(BrokerUrl, UserAndPasswordCanStandAlone) {
  EXPECT_EQ(parsed("redis://:s3cret@h").user, "");
  EXPECT_EQ(parsed("redis://:s3cret@h").password, "s3cret");
  EXPECT_EQ(parsed("redis://app@h").user, "app");
  EXPECT_EQ(parsed("redis://app@h").password, "");
  EXPECT_EQ(parsed("redis://app:@h").user, "app");
}

TEST(BrokerUrl, CredentialsArePercentDecoded) {
  const BrokerUrl url = parsed("redis://a%40b:p%2f%3A%25%C3%a9:x!$&'()*+,;=~@h");
  EXPECT_EQ(url.user, "a@b");
  EXPECT_EQ(url.password, "p/:%\xC3\xA9:x!$&'()*+,;=~");
}

TEST(BrokerUrl, AnIpv6AddressStandsInBrackets) {
  EXPECT_EQ(parsed("redis://[::1]").host, "::1");
  EXPECT_EQ(parsed("redis://:pw@[2001:db8::1]:7000/3").host, "2001:db8::1");
  EXPECT_EQ(parsed("redis://[::ffff:10.0.0.1]:7000").port, 7000);
}

TEST(BrokerUrl, ATrailingSlashMeansDatabase0) { EXPECT_EQ(parsed("redis://h:1/").db, 0u); }

TEST(BrokerUrl, AUnixSocketIsAPath) {
  const BrokerUrl url = parsed("unix:/run/redis/redis.sock");
  EXPECT_EQ(url.kind, BrokerUrl::Kind::unix_socket);
  EXPECT_EQ(url.path, "/run/redis/redis.sock");
  EXPECT_EQ(parsed("unix:/" + std::string(106, 'x')).path.size(), 107u);
}

TEST(BrokerUrl, SaysWhatIsWrongAndWhatIsAllowed) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "empty; use redis://"},
      {"localhost:6379", "unknown scheme; use redis://"},
      {"http://h", "unknown scheme"},
      {"redis:/h", "unknown scheme"},
      {"REDIS://h", "unknown scheme"},
      {"redis://", "no host"},
      {"redis://:6379", "no host"},
      {"redis:///0", "no host"},
      {"redis://app:pw@", "no host"},
      {"redis://@h", "neither a user nor a password"},
      {"redis://:@h", "neither a user nor a password"},
      {"redis://h:", "a number from 1 to 65535"},
      {"redis://h:0", "a number from 1 to 65535"},
      {"redis://h:65536", "a number from 1 to 65535"},
      {"redis://h:-1", "a number from 1 to 65535"},
      {"redis://h:6379x", "a number from 1 to 65535"},
      {"redis://h:1:2", "a number from 1 to 65535"},
      {"redis://::1", "no host"},
      {"redis://fe80::1:6379", "a number from 1 to 65535"},
      {"redis://h/x", "database must be a number"},
      {"redis://h/-1", "database must be a number"},
      {"redis://h/1/", "database must be a number"},
      {"redis://h/2147483648", "database must be a number"},
      {"redis://h?x=1", "no \"?\" query"},
      {"redis://h/0#x", "no \"#\" fragment"},
      {"redis://h ", "space or a control character"},
      {"redis://h\n", "space or a control character"},
      {"redis://h,i", "may hold letters, digits"},
      {"redis://h%41", "may hold letters, digits"},
      {"redis://" + std::string(254, 'h'), "longer than 253 bytes"},
      {"redis://[::1", "no closing bracket"},
      {"redis://[]", "an IPv6 address between the brackets"},
      {"redis://[10.0.0.1]", "an IPv6 address between the brackets"},
      {"redis://[::1%25eth0]", "an IPv6 address between the brackets"},
      {"redis://[::1]6379", "may follow the broker's host"},
      {"redis://a%4:pw@h", "two hexadecimal digits"},
      {"redis://a:p%zz@h", "two hexadecimal digits"},
      {"redis://a:p@ss@h", "must be written %40"},
      {"redis://a:p/ss@h", "must be written %2F"},
      {"redis://a:p?ss@h", "written %3F"},
      {"unix:", "must begin with one \"/\""},
      {"unix:run/redis.sock", "must begin with one \"/\""},
      {"unix://:pw@/run/redis.sock", "must begin with one \"/\""},
      {"unix:/" + std::string(107, 'x'), "longer than 107 bytes"},
  };
  for (const auto& [text, expected] : cases) {
    EXPECT_THAT(error_of(text), HasSubstr(expected)) << text;
  }
}

TEST(BrokerUrl, SchemesOfLaterVersionsAreNamedAsNotSupportedYet) {
  for (const char* text : {"local:", "rediss://h", "redis+sentinel://h1,h2/master", "redis+cluster://h1"}) {
    EXPECT_THAT(error_of(text), HasSubstr("is not supported yet; use redis://")) << text;
  }
}

TEST(BrokerUrl, AnErrorNeverHoldsThePasswordOrAPartOfIt) {
  for (const std::string before : {"", "redis://", "redis:/", "rediss://", "unix:", "local:", "http://", "redis+sentinel://"}) {
    for (const std::string user : {"", "user", "user:", ":"}) {
      for (const std::string password : {"hunter2", "hunter2/hunter2", "hunter2@hunter2", "hunter2?hunter2", "hunter2#", "hunter2%",
                                         "hunter2 ", "[hunter2", "hunter2:hunter2"}) {
        for (const std::string after : {"", "@", "@h:x", "@h/x", "@h:6379/0?x", "/0", ":6379"}) {
          BrokerUrl url;
          std::string error;
          const std::string text = before + user + password + after;
          if (!parse_broker_url(text, url, error)) {
            EXPECT_FALSE(error.empty()) << text;
            EXPECT_THAT(error, Not(HasSubstr("hunter"))) << text;
          }
        }
      }
    }
  }
}

TEST(BrokerUrl, AnErrorLeavesTheResultAlone) {
  BrokerUrl url;
  url.host = "before";
  std::string error;
  EXPECT_FALSE(parse_broker_url("redis://after:0", url, error));
  EXPECT_EQ(url.host, "before");
}

TEST(BrokerUrl, ItsDisplayNameHasNoCredentials) {
  EXPECT_EQ(display_name(parsed("redis://app:s3cret@redis.example:6380/2")), "redis://redis.example:6380/2");
  EXPECT_EQ(display_name(parsed("redis://:s3cret@[::1]")), "redis://[::1]:6379/0");
  EXPECT_EQ(display_name(parsed("unix:/run/redis.sock")), "unix:/run/redis.sock");
}

}  // namespace
}  // namespace sse
