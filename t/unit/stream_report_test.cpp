#include "stream_report.hpp"

#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <random>
#include <string>
#include <vector>

#include "utf8.hpp"

namespace sse {
namespace {

using namespace std::literals;

std::string line_of(const StreamReport& report) {
  std::string line;
  append_json_line(line, report);
  return line;
}

TEST(StreamReport, IsOneLineOfJson) {
  StreamReport report;
  report.time_ms = 1'700'000'000'042;
  report.client = "192.0.2.1";
  report.server = "example.com";
  report.location = "/events/";
  report.connection = 17;
  report.channels = {"news", "pattern:live.*"};
  report.duration_ms = 61'005;
  report.events = 3;
  report.bytes = 712;
  report.reason = "client";
  report.start_id = "5-0";
  report.last_id = "8-1";
  EXPECT_EQ(line_of(report),
            R"({"time":"2023-11-14T22:13:20.042Z","client":"192.0.2.1","server":"example.com","location":"/events/","connection":17,)"
            R"("channels":["news","pattern:live.*"],"duration":61.005,"events":3,"bytes":712,"reason":"client",)"
            R"("start_id":"5-0","last_id":"8-1"})"
            "\n");
}

TEST(StreamReport, HasNoIdsWhereThereAreNone) {
  const std::string line = line_of({});
  EXPECT_EQ(line.find("_id"), std::string::npos) << line;
  EXPECT_NE(line.find("\"time\":\"1970-01-01T00:00:00.000Z\""), std::string::npos) << line;
  EXPECT_NE(line.find("\"duration\":0.000"), std::string::npos) << line;
}

TEST(StreamReport, IsAppendedToTheLinesBeforeIt) {
  std::string lines = "before\n";
  append_json_line(lines, {});
  append_json_line(lines, {});
  EXPECT_EQ(lines, "before\n" + line_of({}) + line_of({}));
}

TEST(StreamReport, NumbersArriveWhole) {
  StreamReport report;
  report.events = UINT64_MAX;
  report.duration_ms = UINT64_MAX;
  const std::string line = line_of(report);
  EXPECT_NE(line.find("\"events\":18446744073709551615,"), std::string::npos) << line;
  EXPECT_NE(line.find("\"duration\":18446744073709551.615,"), std::string::npos) << line;
}

std::string repaired(std::string_view text) {
  std::string out;
  append_utf8(out, text);
  return out;
}

std::string random_text(std::mt19937_64& random) {
  static const std::vector<std::string> parts = {
      "\n",       "\r",           "\"",      "\\",  "\0"s, "/",      "\x7f", "\xff", "\xc3", "\xc3\xa9", "\xed\xa0\x80", "\xf0\x9f\x98\x80",
      "\xf0\x9f", "\xe2\x80\xa8", "\x1b[2J", "},{", "a",   "\\u0000"};
  std::string text;
  for (std::size_t left = random() % 12; left > 0; --left) {
    text += random() % 4 == 0 ? std::string(1, static_cast<char>(random())) : parts[random() % parts.size()];
  }
  return text;
}

TEST(StreamReport, IsValidJsonInUtf8WhateverItsTextsHold) {
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    const std::string client = random_text(random);
    const std::string start_id = random_text(random);
    StreamReport report;
    report.client = client;
    report.start_id = start_id;
    report.last_id = random_text(random);
    for (std::size_t left = random() % 4; left > 0; --left) {
      report.channels.push_back(random_text(random));
    }
    const std::string line = line_of(report);
    ASSERT_EQ(line.find('\n'), line.size() - 1);
    ASSERT_TRUE(is_valid_utf8(line));

    rapidjson::Document document;
    document.Parse<rapidjson::kParseValidateEncodingFlag>(line.data(), line.size());
    ASSERT_FALSE(document.HasParseError());
    const auto text = [&document](const char* name) {
      const auto member = document.FindMember(name);
      return member == document.MemberEnd() ? std::string() : std::string(member->value.GetString(), member->value.GetStringLength());
    };
    EXPECT_EQ(text("client"), repaired(client));
    EXPECT_EQ(text("start_id"), repaired(start_id));
    EXPECT_EQ(text("last_id"), repaired(report.last_id));
    const auto& channels = document["channels"];
    ASSERT_EQ(channels.Size(), report.channels.size());
    for (rapidjson::SizeType i = 0; i < channels.Size(); ++i) {
      EXPECT_EQ(std::string(channels[i].GetString(), channels[i].GetStringLength()), repaired(report.channels[i]));
    }
  }
}

}  // namespace
}  // namespace sse
