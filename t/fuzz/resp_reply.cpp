// Redis' protocol: replies do not depend on where the network cut the bytes, hold together as trees, and survive being written again.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "input.hpp"
#include "redis_reply.hpp"
#include "require.hpp"

using namespace sse;
using redis::ReplyReader;
using redis::ReplyType;
using redis::ReplyView;

namespace {

struct Outcome {
  std::string replies;  // written again, one after the other
  std::size_t count = 0;
  bool failed = false;
};

void write(ReplyView reply, std::string& out) {
  const std::string text(reply.text());
  fuzz::require(reply.is_text() || reply.is_error() || text.empty(), "only texts have text");
  fuzz::require(reply.is_array() || reply.size() == 0, "only arrays have elements");
  switch (reply.type()) {
    case ReplyType::string:
      out += "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
      break;
    case ReplyType::status:
      out += "+" + text + "\r\n";
      break;
    case ReplyType::error:
      out += "-" + text + "\r\n";
      break;
    case ReplyType::integer:
      out += ":" + std::to_string(reply.integer()) + "\r\n";
      break;
    case ReplyType::nil:
      out += "$-1\r\n";
      break;
    case ReplyType::array: {
      out += "*" + std::to_string(reply.size()) + "\r\n";
      std::size_t elements = 0;
      for (const ReplyView element : reply) {
        fuzz::require(element.type() == reply.at(elements).type() && element.text() == reply.at(elements).text(),
                      "an element is the same by its number");
        write(element, out);
        ++elements;
      }
      fuzz::require(elements == reply.size(), "an array has its elements");
    }
  }
}

// Feeds the bytes in pieces of the sizes given, and over again.
Outcome read(std::string_view bytes, std::string_view sizes, std::size_t limit_bytes) {
  Outcome outcome;
  ReplyReader reader(limit_bytes);
  for (std::size_t piece = 0; !bytes.empty() && !outcome.failed; ++piece) {
    const std::size_t size = sizes.empty() ? bytes.size() : 1 + static_cast<unsigned char>(sizes[piece % sizes.size()]) % 64;
    fuzz::require(reader.feed(bytes.substr(0, size)), "a reader that has not failed takes bytes");
    bytes.remove_prefix(std::min(size, bytes.size()));
    ReplyView reply;
    ReplyReader::Result result;
    while ((result = reader.next(reply)) == ReplyReader::Result::reply) {
      const std::size_t before = outcome.replies.size();
      write(reply, outcome.replies);
      fuzz::require(limit_bytes == 0 || outcome.replies.size() - before <= limit_bytes + 64, "a reply is within the limit");
      ++outcome.count;
    }
    outcome.failed = result != ReplyReader::Result::need_more;
    if (outcome.failed) {
      fuzz::require(reader.next(reply) == result && !reader.feed("+OK\r\n"), "a failure stays");
      reader.reset();
      fuzz::require(reader.feed("+OK\r\n") && reader.next(reply) == ReplyReader::Result::reply && reply.text() == "OK",
                    "a reset reader reads on");
    }
  }
  return outcome;
}

}  // namespace

// The input: a limit for a reply, the sizes of pieces (as many as a byte says), then what the server sends.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::size_t given = input.byte();
  const std::size_t limit_bytes = given == 0 ? 0 : given + std::string_view("+OK\r\n").size();
  const std::string_view sizes = input.take(input.below(16));
  const std::string_view bytes = input.rest();

  const Outcome whole = read(bytes, {}, limit_bytes);
  const Outcome pieces = read(bytes, sizes, limit_bytes);
  fuzz::require(pieces.count == whole.count && pieces.replies == whole.replies, "pieces do not change the replies");
  fuzz::require(pieces.failed == whole.failed, "pieces do not change the end");

  const Outcome again = read(whole.replies, sizes, 0);
  fuzz::require(!again.failed && again.count == whole.count && again.replies == whole.replies,
                "what was read can be written and read again");
  return 0;
}
