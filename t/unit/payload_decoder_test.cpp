#include "payload_decoder.hpp"

#include <gtest/gtest.h>

#include <string>

namespace sse {
namespace {

TEST(PayloadDecoder, TextIsTheDataWhateverItLooksLike) {
  PayloadDecoder decoder;
  for (const std::string payload : {"hello", "", "{\"data\":1}", "data: x\n\n", "\xFF\r\n"}) {
    DecodeNotes notes;
    const auto& events = decoder.decode(PayloadForm::text, payload, notes);
    ASSERT_EQ(events.size(), 1u);
    EXPECT_TRUE(events[0].has_data);
    EXPECT_EQ(events[0].data, payload);
    EXPECT_EQ(events[0].name, "");
    EXPECT_FALSE(events[0].has_id);
    EXPECT_FALSE(notes.not_json);
    EXPECT_FALSE(notes.invalid_field);
  }
}

TEST(PayloadDecoder, AJsonObjectIsOneEvent) {
  PayloadDecoder decoder;
  DecodeNotes notes;
  const auto& events = decoder.decode(PayloadForm::json, R"({"data":{"a":1},"event":"tick"})", notes);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].data, R"({"a":1})");
  EXPECT_EQ(events[0].name, "tick");
  EXPECT_FALSE(notes.not_json);
}

TEST(PayloadDecoder, WhatIsNotAJsonObjectIsSentAsTextAndNoted) {
  PayloadDecoder decoder;
  for (const std::string payload : {"hello", "", "[1,2]", "{\"data\":", "{\"event\":5,"}) {
    DecodeNotes notes;
    const auto& events = decoder.decode(PayloadForm::json, payload, notes);
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].data, payload);
    EXPECT_TRUE(events[0].has_data);
    EXPECT_TRUE(notes.not_json);
    EXPECT_FALSE(notes.invalid_field);
  }
}

TEST(PayloadDecoder, EventLinesAreAnyNumberOfEvents) {
  PayloadDecoder decoder;
  DecodeNotes notes;
  EXPECT_EQ(decoder.decode(PayloadForm::event, "data: a\n\ndata: b\n\n", notes).size(), 2u);
  EXPECT_EQ(decoder.decode(PayloadForm::event, "hello", notes).size(), 0u);
  EXPECT_EQ(decoder.decode(PayloadForm::event, "data: a", notes).size(), 1u);
  EXPECT_FALSE(notes.not_json);
}

TEST(PayloadDecoder, NotesAreSetAndNeverCleared) {
  PayloadDecoder decoder;
  DecodeNotes notes;
  decoder.decode(PayloadForm::json, "hello", notes);
  decoder.decode(PayloadForm::event, "data: a\nretry: soon", notes);
  decoder.decode(PayloadForm::json, "{}", notes);
  EXPECT_TRUE(notes.not_json);
  EXPECT_TRUE(notes.invalid_field);
}

}  // namespace
}  // namespace sse
