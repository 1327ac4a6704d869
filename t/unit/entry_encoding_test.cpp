// Entries of streams on their way through MessageEncoder, as a browser reads the result.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "entry_reply.hpp"
#include "frame.hpp"
#include "message_encoder.hpp"
#include "reference_event_stream.hpp"

namespace sse {
namespace {

using reference::Client;
using reference::Dispatched;
using test::EntryReply;

class EntryEncodingTest : public ::testing::Test {
 protected:
  MessageEncoder::Result encode(const std::vector<std::string>& fields, std::size_t max_message_bytes = 0) {
    reply_ = std::make_unique<EntryReply>(fields, "5-7");
    return encoder_.encode_entry(encoding_, "orders", reply_->entry(), max_message_bytes);
  }

  std::string frame_of(const std::vector<std::string>& fields) { return std::string(encode(fields).frame); }

  Encoding encoding_;
  MessageEncoder encoder_;
  std::unique_ptr<EntryReply> reply_;
};

TEST_F(EntryEncodingTest, AnEntryIsOneBlockThatBeginsWithItsId) {
  EXPECT_EQ(frame_of({"data", "hello"}), "id: 5-7\ndata: hello\n\n");
  EXPECT_EQ(frame_of({"data", "a\nb", "event", "price", "retry", "9"}), "id: 5-7\nevent: price\nretry: 9\ndata: a\ndata: b\n\n");
  EXPECT_EQ(frame_of({"n", "1"}), "id: 5-7\ndata: {\"n\":\"1\"}\n\n");
  const auto result = encode({"data", "x"});
  EXPECT_TRUE(result.has_id);
  EXPECT_EQ(result.id, "5-7");
  EXPECT_EQ(result.id, block_id(result.frame));
}

TEST_F(EntryEncodingTest, WhoReadsSeveralStreamsGetsNoIdOfOne) {
  encoding_.entry_ids = false;
  EXPECT_EQ(frame_of({"data", "hello"}), "data: hello\n\n");
  EXPECT_FALSE(encode({"data", "hello"}).has_id);
  encoding_.payload = PayloadForm::json;
  EXPECT_EQ(frame_of({"data", R"({"id":"x","data":"hello"})"}), "data: hello\n\n");
}

TEST_F(EntryEncodingTest, AChunkHoldsTheSameFrame) {
  const std::string plain = frame_of({"data", "hello"});
  encoding_.framing = Framing::chunked;
  std::string chunk;
  append_chunk(chunk, plain);
  EXPECT_EQ(frame_of({"data", "hello"}), chunk);
}

TEST_F(EntryEncodingTest, DataIsDecodedInThePayloadsFormButItsIdIsIgnored) {
  encoding_.payload = PayloadForm::json;
  EXPECT_EQ(frame_of({"data", R"({"id":"9","data":{"n":1},"event":"own","retry":3})"}),
            "id: 5-7\nevent: own\nretry: 3\ndata: {\"n\":1}\n\n");
  const auto text = encode({"data", "no json"});
  EXPECT_EQ(text.frame, "id: 5-7\ndata: no json\n\n");
  EXPECT_TRUE(text.notes.not_json);
  encoding_.payload = PayloadForm::event;
  EXPECT_EQ(frame_of({"data", "id: 9\nevent: own\ndata: a\ndata: b"}), "id: 5-7\nevent: own\ndata: a\ndata: b\n\n");
}

TEST_F(EntryEncodingTest, AnObjectOfAllFieldsIsDataInEveryForm) {
  for (const PayloadForm form : {PayloadForm::text, PayloadForm::json, PayloadForm::event}) {
    encoding_.payload = form;
    const auto result = encode({"event", "e", "retry", "5"});
    EXPECT_EQ(result.frame, "id: 5-7\ndata: {\"event\":\"e\",\"retry\":\"5\"}\n\n");
    EXPECT_FALSE(result.notes.not_json);
  }
}

TEST_F(EntryEncodingTest, WhatThePayloadSaysComesBeforeTheEntry) {
  encoding_.default_event = {DefaultEvent::Kind::channel, ""};
  EXPECT_EQ(frame_of({"data", "x"}), "id: 5-7\nevent: orders\ndata: x\n\n");
  EXPECT_EQ(frame_of({"data", "x", "event", "entry"}), "id: 5-7\nevent: entry\ndata: x\n\n");
  encoding_.payload = PayloadForm::json;
  EXPECT_EQ(frame_of({"data", R"({"data":"x"})", "event", "entry", "retry", "5"}), "id: 5-7\nevent: entry\nretry: 5\ndata: x\n\n");
  EXPECT_EQ(frame_of({"data", R"({"data":"x","event":"own","retry":6})", "event", "entry", "retry", "5"}),
            "id: 5-7\nevent: own\nretry: 6\ndata: x\n\n");
  encoding_.payload = PayloadForm::event;
  EXPECT_EQ(frame_of({"data", "retry: 6\ndata: a\n\nevent: own\ndata: b", "event", "entry", "retry", "5"}),
            "event: entry\nretry: 6\ndata: a\n\nid: 5-7\nevent: own\ndata: b\n\n");
}

// A connection may break between any two bytes: then either all of the entry's events came, or the entry comes again.
TEST_F(EntryEncodingTest, TheIdComesWithTheLastEventOfAnEntry) {
  encoding_.payload = PayloadForm::event;
  const std::string frame = frame_of({"data", "id: 1\ndata: a\n\nid: 2\n\ndata: b\n\nretry: 4\n\nid: 3\ndata: c\n\n"});
  Client all;
  all.read(frame);
  EXPECT_EQ(all.events, (std::vector<Dispatched>{{"message", "a", ""}, {"message", "b", ""}, {"message", "c", "5-7"}}));
  for (std::size_t size = 0; size < frame.size(); ++size) {
    Client cut;
    cut.read(frame.substr(0, size));
    EXPECT_EQ(cut.last_event_id, "") << size;
  }
}

TEST_F(EntryEncodingTest, AnEntryWithoutAnEventMovesTheClientsCursorAllTheSame) {
  encoding_.payload = PayloadForm::event;
  EXPECT_EQ(frame_of({"data", ": comment\n\n"}), "id: 5-7\n\n");
  EXPECT_EQ(frame_of({"data", "id: 9\n\n"}), "id: 5-7\n\n");
  EXPECT_EQ(frame_of({"data", "", "retry", "8"}), "id: 5-7\nretry: 8\n\n");
  encoding_.entry_ids = false;
  for (const char* payload : {": comment\n\n", "id: 9\n\n", ""}) {
    const auto result = encode({"data", payload});
    EXPECT_TRUE(result.empty);
    EXPECT_TRUE(result.frame.empty());
  }
  EXPECT_EQ(frame_of({"data", "", "retry", "8"}), "retry: 8\n\n");
}

TEST_F(EntryEncodingTest, TheLimitIsOfTheFieldsAndOfTheFrame) {
  EXPECT_FALSE(encode({"data", std::string(96, 'x')}, 100).too_large);
  auto result = encode({"data", std::string(97, 'x')}, 100);
  EXPECT_TRUE(result.too_large);
  EXPECT_TRUE(result.frame.empty());
  result = encode({"data", std::string(900, '\n')}, 1000);
  EXPECT_TRUE(result.too_large);
  EXPECT_TRUE(result.frame.empty());
  EXPECT_FALSE(result.has_id);
}

TEST_F(EntryEncodingTest, MalformedFieldsGiveNoFrame) {
  const EntryReply reply("*2\r\n$3\r\n1-1\r\n*1\r\n$1\r\na\r\n");
  const auto result = encoder_.encode_entry(encoding_, "orders", reply.entry(), 0);
  EXPECT_TRUE(result.malformed);
  EXPECT_TRUE(result.frame.empty());
}

TEST_F(EntryEncodingTest, EveryByteOfAnEntryStaysInItsPlace) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string text = std::string("a") + static_cast<char>(byte) + "id: 9";
    for (const std::vector<std::string>& fields : {std::vector<std::string>{"data", text}, std::vector<std::string>{text, text},
                                                   std::vector<std::string>{"data", "x", "event", text}}) {
      Client client;
      client.read(frame_of(fields));
      ASSERT_EQ(client.events.size(), 1u) << byte;
      ASSERT_EQ(client.last_event_id, "5-7") << byte;
    }
  }
}

TEST_F(EntryEncodingTest, AMebibyteOfDataIsOneEvent) {
  Client client;
  client.read(frame_of({"data", std::string(1 << 20, 'x')}));
  EXPECT_EQ(client.events, (std::vector<Dispatched>{{"message", std::string(1 << 20, 'x'), "5-7"}}));
}

}  // namespace
}  // namespace sse
