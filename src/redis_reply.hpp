// Redis' protocol, bytes to replies and arguments to bytes; hiredis reads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct redisReader;

namespace sse::redis {

enum class ReplyType : std::uint8_t { string, status, error, integer, nil, array };

// One value of a reply. A reply lies flat in memory: a node, then its elements, each with theirs.
struct ReplyNode {
  ReplyType type = ReplyType::nil;
  std::int64_t integer = 0;
  std::size_t text_begin = 0;  // in ReplyBuffer::text
  std::size_t size = 0;        // bytes of text, or number of elements
  std::size_t end = 0;         // index of the first node that is not part of this one
};

struct ReplyBuffer {
  std::vector<ReplyNode> nodes;
  std::string text;
};

// A value of the reply that ReplyReader::next gave, valid as long as that reply.
class ReplyView {
 public:
  class Iterator;

  ReplyView() = default;  // a nil
  ReplyView(const ReplyBuffer& buffer, std::size_t index) : buffer_(&buffer), index_(index) {}

  ReplyType type() const;
  bool is_text() const { return type() == ReplyType::string || type() == ReplyType::status; }
  bool is_error() const { return type() == ReplyType::error; }
  bool is_array() const { return type() == ReplyType::array; }

  std::int64_t integer() const;   // 0 unless an integer
  std::string_view text() const;  // of a string, a status or an error; empty otherwise

  // Elements of an array; 0 for all else.
  std::size_t size() const;
  // Requires i < size(). Steps over the elements before it: use the iterators for all of a long array.
  ReplyView at(std::size_t i) const;
  Iterator begin() const;
  Iterator end() const;

 private:
  const ReplyNode& node() const { return buffer_->nodes[index_]; }

  const ReplyBuffer* buffer_ = nullptr;  // null: a nil
  std::size_t index_ = 0;
};

class ReplyView::Iterator {
 public:
  explicit Iterator(ReplyView at) : at_(at) {}
  ReplyView operator*() const { return at_; }
  Iterator& operator++();
  bool operator!=(const Iterator& other) const { return at_.index_ != other.at_.index_; }

 private:
  ReplyView at_;
};

// Bytes in, replies out. Allocates nothing in steady state.
class ReplyReader {
 public:
  enum class Result { reply, need_more, too_large, malformed };

  // A reply of more than `max_reply_bytes` is refused, whether complete or not; 0: no limit.
  explicit ReplyReader(std::size_t max_reply_bytes);
  ~ReplyReader();
  ReplyReader(const ReplyReader&) = delete;
  ReplyReader& operator=(const ReplyReader&) = delete;

  // Takes a copy. False when out of memory, or when the last result was too_large or malformed. Feed little (see
  // Session::receive), then take all replies: hiredis moves what is left to the front after each kilobyte.
  bool feed(std::string_view bytes);

  // `out` is set on `reply` only, and valid until the next call of next, feed or reset. After too_large and malformed (which is the
  // answer to a lack of memory, too) nothing but reset helps.
  Result next(ReplyView& out);

  // Forgets everything, for a new connection. Throws std::bad_alloc.
  void reset();

 private:
  struct FreeReader {
    void operator()(redisReader* reader) const noexcept;
  };

  Result fail(Result reason);

  std::size_t max_reply_bytes_;
  std::unique_ptr<redisReader, FreeReader> reader_;
  ReplyBuffer buffer_;         // the reply that is being read, or the one that was given out
  std::size_t fed_bytes_ = 0;  // since the end of the last complete reply
  bool is_large_ = false;      // the reader's own buffer, which it would keep for a kilobyte more
  bool complete_ = false;      // buffer_ holds a reply that was given out
  bool failed_ = false;
  Result failure_ = Result::malformed;
};

// Appends one command in Redis' protocol. Requires at least one argument. Throws std::bad_alloc.
void append_command(std::string& out, std::initializer_list<std::string_view> args);
void append_command(std::string& out, const std::string_view* args, std::size_t count);

}  // namespace sse::redis
