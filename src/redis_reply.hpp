// Redis' protocol: a reply as a tree of values, and arguments to bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace sse::redis {

enum class ReplyType : std::uint8_t { string, status, error, integer, nil, array };

// One value of a reply. A reply lies flat in memory: a node, then its elements, each with theirs.
struct ReplyNode {
  ReplyType type = ReplyType::nil;
  std::int64_t integer = 0;
  std::size_t text_begin = 0;  // in ReplyBuffer::text
  std::size_t size = 0;        // bytes of text, number of elements; of a nil that was cut: 1 + its bytes of text
  std::size_t end = 0;         // index of the first node that is not part of this one
};

struct ReplyBuffer {
  std::vector<ReplyNode> nodes;
  std::string text;
};

// A value of the reply that ReplyReader::next (reply_reader.hpp) gave, valid as long as that reply.
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

  // Whether it is a nil that stands for what the reader has left out (ReplyLimits), and how many bytes of text that had; 0 for all else.
  bool is_cut() const { return type() == ReplyType::nil && buffer_ != nullptr && node().size != 0; }
  std::size_t cut_bytes() const { return is_cut() ? node().size - 1 : 0; }

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

// Appends one command in Redis' protocol. Requires at least one argument. Throws std::bad_alloc.
void append_command(std::string& out, std::initializer_list<std::string_view> args);
void append_command(std::string& out, const std::string_view* args, std::size_t count);

}  // namespace sse::redis
