// From a broker's payload to a frame, in each form.
#include <cstddef>
#include <string>
#include <string_view>

#include "encoding.hpp"
#include "message_encoder.hpp"
#include "scenario.hpp"
#include "world.hpp"

namespace sse::bench {

namespace {

constexpr std::size_t kLineBytes = 80;

std::string lines_of_size(std::size_t bytes) {
  std::string text = text_of_size(bytes);
  for (std::size_t at = kLineBytes; at < text.size(); at += kLineBytes) {
    text[at] = '\n';
  }
  return text;
}

std::string json_of_size(std::size_t bytes) { return R"({"id":"1234567","event":"price","data":")" + text_of_size(bytes) + "\"}"; }

std::string json_object_of_size(std::size_t bytes) {
  std::string items;
  while (items.size() < bytes) {
    items += (items.empty() ? "" : ",") + std::string(R"({"name":"EURUSD","bid":1.0832,"ask":1.0834,"open":true})");
  }
  return R"({"id":"1234567","data":[)" + items + "]}";
}

std::string events_of_size(std::size_t bytes) { return "id: 1234567\nevent: price\ndata: " + text_of_size(bytes) + "\n"; }

// A quarter of the characters takes two bytes.
std::string german_of_size(std::size_t bytes) {
  std::string text;
  while (text.size() < bytes) {
    text += "Größe übt";
  }
  return text;
}

class Encode final : public Scenario {
 public:
  Encode(PayloadForm form, const std::string& payload) : payload_(payload) {
    encoding_.payload = form;
    encoding_.framing = Framing::chunked;
  }

  std::size_t run() override {
    const MessageEncoder::Result result = encoder_.encode(encoding_, "news", payload_, 0);
    require(result.frame.size() > payload_.size() / 2 && !result.notes.not_json && !result.notes.invalid_field);
    return 1;
  }

 private:
  std::string payload_;
  Encoding encoding_;
  MessageEncoder encoder_;
};

}  // namespace

void add_encoding(Scenarios& scenarios) {
  struct Size {
    std::size_t bytes;
    const char* name;
  };
  for (const Size size : {Size{100, "100B"}, Size{10'000, "10KB"}, Size{1'000'000, "1MB"}}) {
    const auto named = [&size](const char* form) { return std::string("encode/") + form + "/" + size.name; };
    add<Encode>(scenarios, named("text"), PayloadForm::text, text_of_size(size.bytes));
    add<Encode>(scenarios, named("text_lines"), PayloadForm::text, lines_of_size(size.bytes));
    add<Encode>(scenarios, named("text_not_ascii"), PayloadForm::text, german_of_size(size.bytes));
    add<Encode>(scenarios, named("json"), PayloadForm::json, json_of_size(size.bytes));
    add<Encode>(scenarios, named("json_object"), PayloadForm::json, json_object_of_size(size.bytes));
    add<Encode>(scenarios, named("event"), PayloadForm::event, events_of_size(size.bytes));
  }
}

}  // namespace sse::bench
