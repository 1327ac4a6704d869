#include "json_payload.hpp"

#include <gtest/gtest.h>

#include <string>

#include "scratch.hpp"

namespace sse {
namespace {

using namespace std::literals;

class JsonPayloadTest : public ::testing::Test {
 protected:
  // Decodes an object; fails the test when it is none.
  const Event& decoded(std::string_view payload) {
    event_ = Event();
    notes_ = DecodeNotes();
    EXPECT_TRUE(json_.decode(payload, event_, notes_)) << payload;
    return event_;
  }

  bool is_object(std::string_view payload) {
    event_ = Event();
    notes_ = DecodeNotes();
    return json_.decode(payload, event_, notes_);
  }

  JsonPayload json_;
  Event event_;
  DecodeNotes notes_;
};

TEST_F(JsonPayloadTest, TakesAllFields) {
  const Event& event = decoded(R"({"data":"hello","event":"greeting","id":"1-0","retry":1500})");
  EXPECT_EQ(event.data, "hello");
  EXPECT_TRUE(event.has_data);
  EXPECT_EQ(event.name, "greeting");
  EXPECT_EQ(event.id, "1-0");
  EXPECT_TRUE(event.has_id);
  EXPECT_EQ(event.retry_ms, 1500u);
  EXPECT_FALSE(notes_.invalid_field);
}

TEST_F(JsonPayloadTest, AStringIsTakenAsItIs) {
  EXPECT_EQ(decoded(R"({"data":"a\n\"b\"\t\\ \/ \u00e9 \ud83d\ude00"})").data, "a\n\"b\"\t\\ / \xC3\xA9 \xF0\x9F\x98\x80");
  EXPECT_EQ(decoded(R"({"data":"a\u0000b"})").data, "a\0b"s);
  EXPECT_EQ(decoded(R"({"data":""})").data, "");
}

TEST_F(JsonPayloadTest, AnyOtherDataIsSentAsCompactJson) {
  EXPECT_EQ(decoded("{\"data\": {\"a\" : [ 1 , true,\tfalse, null, {} , [] ],\r\n \"b\":{\"c\":\"d\\n\"} } }").data,
            R"({"a":[1,true,false,null,{},[]],"b":{"c":"d\n"}})");
  EXPECT_EQ(decoded(R"({"data":[]})").data, "[]");
  EXPECT_EQ(decoded(R"({"data":true})").data, "true");
  EXPECT_EQ(decoded(R"({"data":null})").data, "null");
  EXPECT_EQ(decoded(R"({"data":-0})").data, "-0");
}

TEST_F(JsonPayloadTest, NumbersStayAsWritten) {
  for (const std::string number : {"1.10", "12345678901234567890", "123456789012345678901234567890", "0.10000000000000000000000001",
                                   "-1E+5", "1e300", "2.50e-10", "0"}) {
    EXPECT_EQ(decoded("{\"data\":" + number + "}").data, number);
    EXPECT_EQ(decoded("{\"data\":[" + number + " ,{\"n\": " + number + " }]}").data, "[" + number + ",{\"n\":" + number + "}]");
  }
}

TEST_F(JsonPayloadTest, WithoutDataTheDataIsEmpty) {
  const Event& event = decoded(R"({"event":"tick"})");
  EXPECT_TRUE(event.has_data);
  EXPECT_EQ(event.data, "");
  EXPECT_EQ(event.name, "tick");
  EXPECT_TRUE(decoded("{}").has_data);
}

TEST_F(JsonPayloadTest, FieldsInsideDataMeanNothing) {
  const Event& event = decoded(R"({"data":{"event":"x","id":"1","retry":5,"data":"y"},"other":{"event":"z","data":[1]}})");
  EXPECT_EQ(event.data, R"({"event":"x","id":"1","retry":5,"data":"y"})");
  EXPECT_EQ(event.name, "");
  EXPECT_FALSE(event.has_id);
  EXPECT_EQ(event.retry_ms, std::nullopt);
  EXPECT_FALSE(notes_.invalid_field);
}

TEST_F(JsonPayloadTest, FieldNamesWithEscapesAreTheSameFields) { EXPECT_EQ(decoded(R"({"d\u0061ta":"x"})").data, "x"); }

TEST_F(JsonPayloadTest, TheLastOfRepeatedFieldsCounts) {
  EXPECT_EQ(decoded(R"({"data":"a","data":"b"})").data, "b");
  EXPECT_EQ(decoded(R"({"data":[1],"data":"b"})").data, "b");
  EXPECT_EQ(decoded(R"({"data":"a","data":[2]})").data, "[2]");
  EXPECT_EQ(decoded(R"({"data":[1],"data":{"x":2}})").data, R"({"x":2})");
  EXPECT_EQ(decoded(R"({"event":"a","event":"b"})").name, "b");
  EXPECT_EQ(decoded(R"({"id":1,"id":"2"})").id, "2");
  EXPECT_EQ(decoded(R"({"retry":1,"retry":2})").retry_ms, 2u);
}

TEST_F(JsonPayloadTest, ARepeatedFieldReplacesTheErrorOfTheFirst) {
  EXPECT_EQ(decoded(R"({"event":5,"event":"b"})").name, "b");
  EXPECT_FALSE(notes_.invalid_field);
  EXPECT_EQ(decoded(R"({"event":"a","event":5})").name, "");
  EXPECT_TRUE(notes_.invalid_field);
  EXPECT_FALSE(decoded(R"({"id":"a","id":"<b>"})").has_id);
  EXPECT_TRUE(notes_.invalid_field);
  EXPECT_EQ(decoded(R"({"retry":5,"retry":-5})").retry_ms, std::nullopt);
  EXPECT_TRUE(notes_.invalid_field);
}

TEST_F(JsonPayloadTest, AnIdIsAStringOrAnInteger) {
  EXPECT_EQ(decoded(R"({"id":12345678901234567890})").id, "12345678901234567890");
  EXPECT_EQ(decoded(R"({"id":-7})").id, "-7");
  EXPECT_EQ(decoded(R"({"id":"a-7"})").id, "a-7");
  const Event& cleared = decoded(R"({"id":""})");
  EXPECT_TRUE(cleared.has_id);
  EXPECT_EQ(cleared.id, "");
  EXPECT_FALSE(notes_.invalid_field);
}

TEST_F(JsonPayloadTest, AWrongFieldIsLeftOutAndTheRestSent) {
  for (const char* field :
       {R"("id":1.5)",       R"("id":1e3)",       R"("id":true)",          R"("id":[])",         R"("id":{})",       R"("id":"a\nb")",
        R"("id":"a:b")",     R"("id":" a")",      R"("id":"\u00e9")",      R"("event":5)",       R"("event":false)", R"("event":["a"])",
        R"("event":"a\nb")", R"("event":"a\rb")", R"("event":"a\u0000b")", R"("retry":"5")",     R"("retry":-1)",    R"("retry":-0)",
        R"("retry":1.0)",    R"("retry":1e3)",    R"("retry":4294967296)", R"("retry":{"a":1})", R"("retry":true)"}) {
    const Event& event = decoded(std::string("{\"data\":\"kept\",") + field + "}");
    EXPECT_EQ(event.data, "kept") << field;
    EXPECT_EQ(event.name, "") << field;
    EXPECT_FALSE(event.has_id) << field;
    EXPECT_EQ(event.retry_ms, std::nullopt) << field;
    EXPECT_TRUE(notes_.invalid_field) << field;
  }
}

TEST_F(JsonPayloadTest, ANullFieldIsAsIfItWereNotThere) {
  const Event& event = decoded(R"({"data":"x","event":null,"id":null,"retry":null})");
  EXPECT_EQ(event.name, "");
  EXPECT_FALSE(event.has_id);
  EXPECT_EQ(event.retry_ms, std::nullopt);
  EXPECT_FALSE(notes_.invalid_field);
}

TEST_F(JsonPayloadTest, OnlyOneObjectIsAnObject) {
  for (const char* payload : {"",
                              " ",
                              "hello",
                              "\"hello\"",
                              "5",
                              "true",
                              "null",
                              "[]",
                              "[{}]",
                              "{",
                              "}",
                              "{}{}",
                              "{} x",
                              "{'data':1}",
                              "{\"data\":1,}",
                              "{\"data\":01}",
                              "{\"data\":NaN}",
                              "{\"data\":\"a\nb\"}",
                              "{\"data\":\"\\x\"}",
                              "{\"data\":\"\\u12\"}",
                              "{\"data\":\"\\",
                              "{\"data\":\"\\u",
                              "{\"data\":[1}",
                              "// c\n{}",
                              "{\"data\":\"x\""}) {
    EXPECT_FALSE(is_object(payload)) << payload;
    EXPECT_FALSE(event_.has_data) << payload;
  }
  EXPECT_FALSE(is_object("{\"data\":1}\0{}"s));
  EXPECT_TRUE(is_object(" \r\n\t{ } "));
  EXPECT_TRUE(is_object("\xEF\xBB\xBF{}"));
}

TEST_F(JsonPayloadTest, AFailureLeavesEventAndNotesAlone) {
  Event event;
  event.name = "before";
  DecodeNotes notes;
  EXPECT_FALSE(json_.decode(R"({"event":5,"data":"x")", event, notes));
  EXPECT_EQ(event.name, "before");
  EXPECT_FALSE(event.has_data);
  EXPECT_FALSE(notes.invalid_field);
}

TEST_F(JsonPayloadTest, InvalidUtf8IsReplacedBeforeItIsParsed) {
  EXPECT_EQ(decoded("{\"data\":\"a\xFFz\",\"event\":\"\xC3\"}").data, "a\xEF\xBF\xBDz");
  EXPECT_EQ(event_.name, "\xEF\xBF\xBD");
  EXPECT_FALSE(is_object("{\xFF}"));
}

TEST_F(JsonPayloadTest, HalfOfASurrogatePairDoesNotSpoilTheMessage) {
  EXPECT_EQ(decoded(R"({"data":"cut \ud83d","event":"\uDE00"})").data, "cut \xEF\xBF\xBD");
  EXPECT_EQ(event_.name, "\xEF\xBF\xBD");
  EXPECT_EQ(decoded(R"({"data":["\ud83d"]})").data, "[\"\xEF\xBF\xBD\"]");
}

TEST_F(JsonPayloadTest, NestingDoesNotUseUpTheStack) {
  const std::size_t depth = 1000000;
  const std::string nested = std::string(depth, '[') + std::string(depth, ']');
  EXPECT_EQ(decoded("{\"data\":" + nested + "}").data, nested);
  EXPECT_FALSE(is_object("{\"data\":" + std::string(depth, '[')));
  std::string objects;
  for (int i = 0; i < 100000; ++i) {
    objects += "{\"a\":";
  }
  EXPECT_FALSE(is_object(objects));
}

TEST_F(JsonPayloadTest, ALargePayloadIsDecodedAndTheNextSmallOneToo) {
  const std::string large(2 * kScratchBytes, 'x');
  EXPECT_EQ(decoded("{\"data\":\"" + large + "\"}").data, large);
  EXPECT_EQ(decoded("{\"data\":[\"" + large + "\"]}").data, "[\"" + large + "\"]");
  EXPECT_EQ(decoded(R"({"data":"small"})").data, "small");
}

}  // namespace
}  // namespace sse
