// One element of XRANGE's reply, read from the bytes that Redis would send.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "fake_redis.hpp"
#include "reply_reader.hpp"
#include "stream_entry.hpp"

namespace sse::test {

class EntryReply {
 public:
  // `fields` are names and values in turn.
  explicit EntryReply(const std::vector<std::string>& fields, std::string_view id = "1-1", redis::ReplyLimits limits = {})
      : EntryReply(array({bulk(id), array(bulks(fields))}), limits) {}
  explicit EntryReply(std::string_view bytes, redis::ReplyLimits limits = {}) : reader_(limits) {
    EXPECT_TRUE(reader_.feed(bytes));
    EXPECT_EQ(reader_.next(element), redis::ReplyReader::Result::reply);
  }

  // Requires that it is one.
  StreamEntry entry() const { return parse_stream_entry(element).value(); }

  redis::ReplyView element;

 private:
  static std::vector<std::string> bulks(const std::vector<std::string>& texts) {
    std::vector<std::string> values;
    for (const std::string& text : texts) {
      values.push_back(bulk(text));
    }
    return values;
  }

  redis::ReplyReader reader_;
};

}  // namespace sse::test
