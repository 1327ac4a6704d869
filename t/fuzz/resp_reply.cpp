// Redis' protocol: replies do not depend on where the network cut the bytes, hold together as trees, survive being written again, and
// within limits are the same but for what is left out.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "input.hpp"
#include "redis_reply.hpp"
#include "reply_reader.hpp"
#include "require.hpp"

using namespace sse;
using redis::ReplyLimits;
using redis::ReplyReader;
using redis::ReplyType;
using redis::ReplyView;

namespace {

struct Outcome {
  std::string replies;  // written again, one after the other
  std::size_t count = 0;
  bool failed = false;
};

// Of a string longer than `value_limit`, nil is written.
void write(ReplyView reply, std::size_t value_limit, std::string& out) {
  const std::string text(reply.text());
  fuzz::require(reply.is_text() || reply.is_error() || text.empty(), "only texts have text");
  fuzz::require(reply.is_array() || reply.size() == 0, "only arrays have elements");
  switch (reply.type()) {
    case ReplyType::string:
      if (text.size() > value_limit) {
        out += "$-1\r\n";
        break;
      }
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
        write(element, value_limit, out);
        ++elements;
      }
      fuzz::require(elements == reply.size(), "an array has its elements");
    }
  }
}

// Feeds the bytes in pieces of the sizes given, and over again.
Outcome read(std::string_view bytes, std::string_view sizes, ReplyLimits limits, std::size_t written_value_limit = SIZE_MAX) {
  Outcome outcome;
  ReplyReader reader(limits);
  for (std::size_t piece = 0; !bytes.empty() && !outcome.failed; ++piece) {
    const std::size_t size = sizes.empty() ? bytes.size() : 1 + static_cast<unsigned char>(sizes[piece % sizes.size()]) % 64;
    fuzz::require(reader.feed(bytes.substr(0, size)), "a reader that has not failed takes bytes");
    bytes.remove_prefix(std::min(size, bytes.size()));
    ReplyView reply;
    ReplyReader::Result result;
    while ((result = reader.next(reply)) == ReplyReader::Result::reply) {
      const std::size_t before = outcome.replies.size();
      write(reply, written_value_limit, outcome.replies);
      fuzz::require(limits.reply == 0 || outcome.replies.size() - before <= 2 * limits.reply + 1024, "a reply is within the limit");
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

// The input: limits for a value and for a reply, the sizes of pieces (as many as a byte says), then what the server sends.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  ReplyLimits limits;
  limits.value = input.byte();
  limits.reply = input.byte() * std::size_t{4};
  const std::string_view sizes = input.take(input.below(16));
  const std::string_view bytes = input.rest();

  const Outcome whole = read(bytes, {}, limits);
  const Outcome pieces = read(bytes, sizes, limits);
  fuzz::require(pieces.count == whole.count && pieces.replies == whole.replies, "pieces do not change the replies");
  fuzz::require(pieces.failed == whole.failed, "pieces do not change the end");

  const Outcome again = read(whole.replies, sizes, {});
  fuzz::require(!again.failed && again.count == whole.count && again.replies == whole.replies,
                "what was read can be written and read again");

  const std::size_t kept_bytes = limits.value == 0 ? SIZE_MAX : std::max(limits.value, redis::kShortValueBytes);
  const Outcome cut = read(bytes, sizes, {limits.value, 0});
  const Outcome uncut = read(bytes, {}, {}, kept_bytes);
  fuzz::require(cut.count == uncut.count && cut.replies == uncut.replies && cut.failed == uncut.failed,
                "a reply within a limit for values is the reply but for larger strings");
  return 0;
}
