#include "stream_entry.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "entry_reply.hpp"

namespace sse {
namespace {

using namespace std::literals;

using test::EntryReply;
using Result = EntryDecoder::Result;

class EntryDecoderTest : public ::testing::Test {
 protected:
  Result decode(const EntryReply& reply, std::size_t max_bytes = 0) {
    notes_ = DecodeNotes();
    return decoder_.decode(reply.entry().fields, max_bytes, content_, notes_);
  }

  // The data of an entry of these fields.
  std::string data_of(const std::vector<std::string>& fields) {
    reply_ = std::make_unique<EntryReply>(fields);
    EXPECT_EQ(decode(*reply_), Result::content);
    return std::string(content_.data);
  }

  EntryDecoder decoder_;
  std::unique_ptr<EntryReply> reply_;  // that the content points into
  EntryContent content_;
  DecodeNotes notes_;
};

TEST(StreamEntry, IsAnIdAndFields) {
  const EntryReply reply({"data", "x"}, "1526919030474-55");
  const auto entry = parse_stream_entry(reply.element);
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->text, "1526919030474-55");
  EXPECT_EQ(entry->id, (StreamId{1526919030474, 55}));
  EXPECT_EQ(entry->fields.size(), 2u);
}

TEST(StreamEntry, AnythingElseIsNone) {
  for (const char* bytes :
       {"$-1\r\n", ":1\r\n", "+OK\r\n", "*0\r\n", "*1\r\n$3\r\n1-1\r\n", "*2\r\n$3\r\n1-1\r\n$1\r\nx\r\n", "*2\r\n$3\r\n1-1\r\n*-1\r\n",
        "*2\r\n$-1\r\n*0\r\n", "*2\r\n*0\r\n*0\r\n", "*3\r\n$3\r\n1-1\r\n*0\r\n*0\r\n", "*2\r\n$3\r\n1_1\r\n*0\r\n",
        "*2\r\n$4\r\n1-1\n\r\n*0\r\n", "*2\r\n$2\r\n1-\r\n*0\r\n", "*2\r\n$2\r\n-1\r\n*0\r\n", "*2\r\n$4\r\n1--1\r\n*0\r\n"}) {
    EXPECT_FALSE(parse_stream_entry(EntryReply(std::string_view(bytes)).element)) << bytes;
  }
}

TEST_F(EntryDecoderTest, DataEventAndRetryAreTheEvents) {
  const EntryReply reply({"event", "price", "retry", "1500", "data", "a\r\nb", "other", "ignored"});
  ASSERT_EQ(decode(reply), Result::content);
  EXPECT_EQ(content_.data, "a\r\nb");
  EXPECT_FALSE(content_.is_object);
  EXPECT_EQ(content_.name, "price");
  EXPECT_EQ(content_.retry_ms, 1500u);
  EXPECT_FALSE(notes_.invalid_field);
}

TEST_F(EntryDecoderTest, WithoutDataAllFieldsAreAnObject) {
  EXPECT_EQ(data_of({"symbol", "EURUSD", "bid", "1.0832"}), R"({"symbol":"EURUSD","bid":"1.0832"})");
  EXPECT_TRUE(content_.is_object);
  EXPECT_EQ(data_of({"event", "price", "retry", "x", "Data", ""}), R"({"event":"price","retry":"x","Data":""})");
  EXPECT_EQ(content_.name, "");
  EXPECT_FALSE(content_.retry_ms);
  EXPECT_FALSE(notes_.invalid_field);
}

TEST_F(EntryDecoderTest, AnObjectIsJsonWhateverTheBytesAre) {
  EXPECT_EQ(data_of({"\"},\\", "\"\\/", "a\nb", "\r\n\t\0\x1f\x7f"s}), R"({"\"},\\":"\"\\/","a\nb":"\r\n\t\u0000\u001F)"
                                                                       "\x7f\"}");
  EXPECT_EQ(data_of({"\xFF", "a\xE2\x82z", "\xC3\xA4", "\xF0\x9F\x98\x80", "", ""}),
            "{\"\uFFFD\":\"a\uFFFDz\",\"\u00E4\":\"\U0001F600\",\"\":\"\"}");
  EXPECT_EQ(data_of({"__proto__", "null", "a", "1", "a", "2"}), R"({"__proto__":"null","a":"1","a":"2"})");
}

TEST_F(EntryDecoderTest, DataMayBeEmptyAndBinary) {
  EXPECT_EQ(data_of({"data", ""}), "");
  EXPECT_FALSE(content_.is_object);
  EXPECT_EQ(data_of({"data", "\0\xFF\n"s}), "\0\xFF\n"s);
}

TEST_F(EntryDecoderTest, OfARepeatedFieldTheLastCounts) {
  EXPECT_EQ(data_of({"data", "a", "event", "x\n", "retry", "1", "data", "b", "event", "y", "retry", "2"}), "b");
  EXPECT_EQ(content_.name, "y");
  EXPECT_EQ(content_.retry_ms, 2u);
  EXPECT_FALSE(notes_.invalid_field);
  EXPECT_EQ(data_of({"event", "x", "data", "a", "event", "y\n", "retry", "1", "retry", ""}), "a");
  EXPECT_EQ(content_.name, "");
  EXPECT_FALSE(content_.retry_ms);
  EXPECT_TRUE(notes_.invalid_field);
}

TEST_F(EntryDecoderTest, AFieldThatMustNotGoToAClientIsLeftOutAndNoted) {
  for (const std::string& name : {"a\nb"s, "a\rb"s, "a\0b"s}) {
    EXPECT_EQ(data_of({"data", "x", "event", name}), "x");
    EXPECT_EQ(content_.name, "");
    EXPECT_TRUE(notes_.invalid_field);
  }
  for (const char* retry : {"", "-1", "+1", "1.5", " 1", "1s", "4294967296", "0x10"}) {
    EXPECT_EQ(data_of({"data", "x", "event", "e", "retry", retry}), "x");
    EXPECT_EQ(content_.name, "e");
    EXPECT_FALSE(content_.retry_ms) << retry;
    EXPECT_TRUE(notes_.invalid_field) << retry;
  }
  data_of({"data", "x", "event", "", "retry", "4294967295"});
  EXPECT_EQ(content_.retry_ms, 4294967295u);
  EXPECT_FALSE(notes_.invalid_field);
}

TEST_F(EntryDecoderTest, NamesAndValuesTogetherAreBounded) {
  const EntryReply reply({"data", "12345", "x", ""});
  EXPECT_EQ(decode(reply, 10), Result::content);
  EXPECT_EQ(decode(reply, 9), Result::too_large);
  const EntryReply object({"a", "1", "b", "2"});
  EXPECT_EQ(decode(object, 4), Result::content);
  EXPECT_EQ(decode(object, 3), Result::too_large);
}

TEST_F(EntryDecoderTest, WhatTheReaderHasCutIsTooLarge) {
  const std::string large(100, 'x');
  for (const auto& fields : std::vector<std::vector<std::string>>{{"data", large}, {"data", "a", large, "b"}, {"data", "a", "b", large}}) {
    EXPECT_EQ(decode(EntryReply(fields, "1-1", {64, 0})), Result::too_large);
    EXPECT_EQ(decode(EntryReply(fields, "1-1", {0, 200})), Result::too_large);
  }
}

TEST_F(EntryDecoderTest, FieldsThatAreNotPairsOfStringsAreMalformed) {
  for (const char* fields : {"*1\r\n$1\r\na\r\n", "*2\r\n$1\r\na\r\n:1\r\n", "*2\r\n*0\r\n$1\r\na\r\n", "*2\r\n$1\r\na\r\n$-1\r\n",
                             "*3\r\n$4\r\ndata\r\n$1\r\na\r\n$1\r\nb\r\n", "*2\r\n$1\r\na\r\n-ERR\r\n"}) {
    EXPECT_EQ(decode(EntryReply("*2\r\n$3\r\n1-1\r\n" + std::string(fields))), Result::malformed) << fields;
  }
}

TEST_F(EntryDecoderTest, AThousandFieldsAndAMebibyteAreNothingSpecial) {
  std::vector<std::string> fields;
  std::string object = "{";
  for (int i = 0; i < 1000; ++i) {
    const std::string number = std::to_string(i);
    fields.insert(fields.end(), {"f" + number, number});
    object += (i == 0 ? "\"f" : ",\"f") + number + "\":\"" + number + '"';
  }
  EXPECT_EQ(data_of(fields), object + "}");
  fields.insert(fields.end(), {"data", std::string(1 << 20, 'x')});
  EXPECT_EQ(data_of(fields), std::string(1 << 20, 'x'));
  EXPECT_EQ(data_of({"f", std::string(1 << 20, '\xFF')}).size(), 8u + 3 * (1 << 20));
  EXPECT_EQ(data_of({"f", "small"}), R"({"f":"small"})");
}

}  // namespace
}  // namespace sse
