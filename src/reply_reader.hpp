// Redis' protocol, bytes to replies; hiredis reads.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "redis_reply.hpp"
#include "reply_limits.hpp"

struct redisReader;

namespace sse::redis {

class ReplyBuilder;

// Bytes in, replies out. Allocates nothing in steady state.
class ReplyReader {
 public:
  enum class Result { reply, need_more, too_large, malformed };

  explicit ReplyReader(ReplyLimits limits);
  ~ReplyReader();
  ReplyReader(const ReplyReader&) = delete;
  ReplyReader& operator=(const ReplyReader&) = delete;

  // Takes a copy, but of what is cut no more than the limit. False when out of memory, or when the last result was too_large or malformed.
  // Feed little (see Session::receive), then take all replies: hiredis moves what is left to the front after each kilobyte.
  bool feed(std::string_view bytes);

  // `out` is set on `reply` only, and valid until the next call of next, feed or reset. Too large is a reply that cutting does not
  // make small enough (ReplyLimits), whether complete or not. After too_large and malformed (which is the answer to a lack of memory,
  // too) nothing but reset helps.
  Result next(ReplyView& out);

  // Part of a reply has come, and the rest has not.
  bool is_amid_reply() const { return fed_bytes_ != 0 || skipped_bytes_ != 0; }

  // Forgets everything, for a new connection. Throws std::bad_alloc.
  void reset();

 private:
  struct FreeReader {
    void operator()(redisReader* reader) const noexcept;
  };

  Result fail(Result reason);
  bool feed_reader(std::string_view bytes);
  void skip_if_cut();
  std::size_t unread_bytes() const;

  std::unique_ptr<redisReader, FreeReader> reader_;
  std::unique_ptr<ReplyBuilder> builder_;  // of the reply that is being read, or of the one that was given out
  std::size_t fed_bytes_ = 0;              // since the end of the last complete reply, without what was cut
  std::size_t skipped_bytes_ = 0;          // of a string that is cut: bytes that are still to come
  bool is_large_ = false;                  // the reader's own buffer, which it would keep for a kilobyte more
  bool complete_ = false;                  // a reply was given out
  bool failed_ = false;
  Result failure_ = Result::malformed;
};

}  // namespace sse::redis
