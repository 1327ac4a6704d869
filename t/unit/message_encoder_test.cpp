#include "message_encoder.hpp"

#include <gtest/gtest.h>

#include <string>

#include "frame.hpp"

namespace sse {
namespace {

constexpr std::size_t kLimit = 1000;

Encoding encoding_of(PayloadForm payload, Framing framing = Framing::plain) {
  Encoding encoding;
  encoding.payload = payload;
  encoding.framing = framing;
  return encoding;
}

TEST(MessageEncoder, ATextMessageIsOneBlock) {
  MessageEncoder encoder;
  const auto result = encoder.encode(encoding_of(PayloadForm::text), "news", "hello", kLimit);
  EXPECT_EQ(result.frame, "data: hello\n\n");
  EXPECT_FALSE(result.too_large);
  EXPECT_FALSE(result.empty);
  EXPECT_FALSE(result.has_id);
  EXPECT_EQ(result.id, "");
  EXPECT_EQ(encoder.encode(encoding_of(PayloadForm::text), "news", "", kLimit).frame, "data: \n\n");
}

TEST(MessageEncoder, SeveralEventsAreOneChunk) {
  MessageEncoder encoder;
  const std::string payload = "id: 1\ndata: a\n\nid: 2\ndata: b\n\ndata: c\n\n";
  const std::string blocks(encoder.encode(encoding_of(PayloadForm::event), "news", payload, kLimit).frame);
  EXPECT_EQ(blocks, payload);

  std::string chunk;
  append_chunk(chunk, blocks);
  const auto result = encoder.encode(encoding_of(PayloadForm::event, Framing::chunked), "news", payload, kLimit);
  EXPECT_EQ(result.frame, chunk);
}

TEST(MessageEncoder, ChunksOfEverySizeAreFramedRight) {
  MessageEncoder encoder;
  for (const std::size_t size : {0u, 1u, 7u, 8u, 9u, 247u, 248u, 249u, 4086u, 4087u, 4088u, 65528u, 1000000u}) {
    std::string chunk;
    append_chunk(chunk, "data: " + std::string(size, 'x') + "\n\n");
    ASSERT_EQ(encoder.encode(encoding_of(PayloadForm::text, Framing::chunked), "news", std::string(size, 'x'), 0).frame, chunk) << size;
  }
}

TEST(MessageEncoder, TheIdIsTheLastOneAndAViewIntoTheFrame) {
  MessageEncoder encoder;
  for (const Framing framing : {Framing::plain, Framing::chunked}) {
    const auto result =
        encoder.encode(encoding_of(PayloadForm::event, framing), "news", "id: 1\ndata: a\n\nid: 22\ndata: b\n\ndata: c\n\n", kLimit);
    EXPECT_TRUE(result.has_id);
    EXPECT_EQ(result.id, "22");
    EXPECT_EQ(result.id.data(), result.frame.data() + result.frame.find("22"));
    EXPECT_EQ(result.id, block_id(result.frame));
  }
}

TEST(MessageEncoder, AnEmptyIdIsAnId) {
  MessageEncoder encoder;
  const auto result = encoder.encode(encoding_of(PayloadForm::json), "news", R"({"id":"","data":"x"})", kLimit);
  EXPECT_EQ(result.frame, "id: \ndata: x\n\n");
  EXPECT_TRUE(result.has_id);
  EXPECT_EQ(result.id, "");
}

TEST(MessageEncoder, TheDefaultEventNamesWhatHasNoName) {
  MessageEncoder encoder;
  Encoding encoding = encoding_of(PayloadForm::json);
  encoding.default_event.kind = DefaultEvent::Kind::channel;
  EXPECT_EQ(encoder.encode(encoding, "news", R"({"data":"x"})", kLimit).frame, "event: news\ndata: x\n\n");
  EXPECT_EQ(encoder.encode(encoding, "news", R"({"data":"x","event":"own"})", kLimit).frame, "event: own\ndata: x\n\n");
  EXPECT_EQ(encoder.encode(encoding, "evil\n\ndata: x", R"({"data":"x"})", kLimit).frame, "data: x\n\n");

  encoding.default_event.kind = DefaultEvent::Kind::named;
  encoding.default_event.name = "tick";
  EXPECT_EQ(encoder.encode(encoding, "news", R"({"data":"x"})", kLimit).frame, "event: tick\ndata: x\n\n");

  encoding.default_event.kind = DefaultEvent::Kind::none;
  EXPECT_EQ(encoder.encode(encoding, "news", R"({"data":"x"})", kLimit).frame, "data: x\n\n");
}

TEST(MessageEncoder, NotesAreOfThisMessageAlone) {
  MessageEncoder encoder;
  auto result = encoder.encode(encoding_of(PayloadForm::json), "news", "hello", kLimit);
  EXPECT_EQ(result.frame, "data: hello\n\n");
  EXPECT_TRUE(result.notes.not_json);
  result = encoder.encode(encoding_of(PayloadForm::json), "news", R"({"data":"x","retry":-1})", kLimit);
  EXPECT_FALSE(result.notes.not_json);
  EXPECT_TRUE(result.notes.invalid_field);
}

TEST(MessageEncoder, WithoutAnEventThereIsNoFrame) {
  MessageEncoder encoder;
  for (const Framing framing : {Framing::plain, Framing::chunked}) {
    const auto result = encoder.encode(encoding_of(PayloadForm::event, framing), "news", ": comment\n\n", kLimit);
    EXPECT_TRUE(result.empty);
    EXPECT_TRUE(result.frame.empty());
    EXPECT_FALSE(result.too_large);
  }
}

TEST(MessageEncoder, APayloadOfExactlyTheLimitPassesAndOneByteMoreDoesNot) {
  MessageEncoder encoder;
  EXPECT_EQ(encoder.encode(encoding_of(PayloadForm::text), "news", std::string(kLimit, 'x'), kLimit).frame.size(), kLimit + 8);
  const auto result = encoder.encode(encoding_of(PayloadForm::text), "news", std::string(kLimit + 1, 'x'), kLimit);
  EXPECT_TRUE(result.too_large);
  EXPECT_TRUE(result.frame.empty());
}

TEST(MessageEncoder, AFrameOfExactlyItsLimitPassesAndOneLineMoreDoesNot) {
  MessageEncoder encoder;
  for (const Framing framing : {Framing::plain, Framing::chunked}) {
    // n line ends make n + 1 lines of 7 bytes, and a blank one.
    const std::size_t lines = (MessageEncoder::max_frame_bytes(kLimit) - 1) / 7;
    ASSERT_LT(lines, kLimit);
    EXPECT_FALSE(encoder.encode(encoding_of(PayloadForm::text, framing), "news", std::string(lines - 1, '\n'), kLimit).too_large);
    EXPECT_TRUE(encoder.encode(encoding_of(PayloadForm::text, framing), "news", std::string(lines, '\n'), kLimit).too_large);
  }
}

TEST(MessageEncoder, ManySmallEventsCannotOutgrowTheLimit) {
  MessageEncoder encoder;
  Encoding encoding = encoding_of(PayloadForm::event);
  encoding.default_event.kind = DefaultEvent::Kind::channel;
  std::string payload;
  while (payload.size() + 6 <= kLimit) {
    payload += "data\n\n";
  }
  EXPECT_FALSE(encoder.encode(encoding, "c", payload, kLimit).too_large);
  const auto result = encoder.encode(encoding, std::string(256, 'c'), payload, kLimit);
  EXPECT_TRUE(result.too_large);
  EXPECT_TRUE(result.frame.empty());
  EXPECT_TRUE(result.id.empty());
}

TEST(MessageEncoder, ALimitOfZeroIsNone) {
  MessageEncoder encoder;
  const auto result = encoder.encode(encoding_of(PayloadForm::text), "news", std::string(100000, '\n'), 0);
  EXPECT_FALSE(result.too_large);
  EXPECT_EQ(result.frame.size(), 100001u * 7 + 1);
}

TEST(MessageEncoder, AHugeLimitDoesNotOverflow) {
  MessageEncoder encoder;
  EXPECT_EQ(MessageEncoder::max_frame_bytes(SIZE_MAX), SIZE_MAX);
  EXPECT_EQ(encoder.encode(encoding_of(PayloadForm::text), "news", "hello", SIZE_MAX).frame, "data: hello\n\n");
}

TEST(MessageEncoder, OneEncoderServesEveryForm) {
  MessageEncoder encoder;
  const std::string large(1 << 20, 'x');
  EXPECT_EQ(encoder.encode(encoding_of(PayloadForm::text), "news", large, 0).frame.size(), large.size() + 8);
  EXPECT_EQ(encoder.encode(encoding_of(PayloadForm::json), "news", "{\"data\":\"" + large + "\"}", 0).frame.size(), large.size() + 8);
  EXPECT_EQ(encoder.encode(encoding_of(PayloadForm::event), "news", "data:" + large + "\ndata", 0).frame.size(), large.size() + 15);
  EXPECT_EQ(encoder.encode(encoding_of(PayloadForm::event), "news", "data:1\ndata:2", 0).frame, "data: 1\ndata: 2\n\n");
}

}  // namespace
}  // namespace sse
