#include "redis_reply.hpp"

#include <array>
#include <cassert>
#include <charconv>
#include <limits>

namespace sse::redis {

namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::size_t kMaxLengthLine = 1 + std::numeric_limits<std::size_t>::digits10 + 1 + kLineEnd.size();

void append_length(std::string& out, char kind, std::size_t length) {
  std::array<char, kMaxLengthLine> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), length).ptr;
  out.push_back(kind);
  out.append(digits.data(), end);
  out.append(kLineEnd);
}

}  // namespace

ReplyType ReplyView::type() const { return buffer_ == nullptr ? ReplyType::nil : node().type; }

std::int64_t ReplyView::integer() const { return buffer_ == nullptr ? 0 : node().integer; }

std::string_view ReplyView::text() const {
  if (!is_text() && !is_error()) {
    return {};
  }
  return std::string_view(buffer_->text).substr(node().text_begin, node().size);
}

std::size_t ReplyView::size() const { return is_array() ? node().size : 0; }

ReplyView ReplyView::at(std::size_t i) const {
  assert(i < size());
  std::size_t index = index_ + 1;
  while (i-- > 0) {
    index = buffer_->nodes[index].end;
  }
  return {*buffer_, index};
}

ReplyView::Iterator ReplyView::begin() const { return Iterator(is_array() ? ReplyView(*buffer_, index_ + 1) : ReplyView()); }

ReplyView::Iterator ReplyView::end() const { return Iterator(is_array() ? ReplyView(*buffer_, node().end) : ReplyView()); }

ReplyView::Iterator& ReplyView::Iterator::operator++() {
  at_.index_ = at_.node().end;
  return *this;
}

void append_command(std::string& out, const std::string_view* args, std::size_t count) {
  assert(count > 0);
  std::size_t size = kMaxLengthLine;
  for (std::size_t i = 0; i < count; ++i) {
    size += kMaxLengthLine + args[i].size() + kLineEnd.size();
  }
  out.reserve(out.size() + size);  // from here on nothing throws: half a command would spoil all that comes after it
  append_length(out, '*', count);
  for (std::size_t i = 0; i < count; ++i) {
    append_length(out, '$', args[i].size());
    out.append(args[i]);
    out.append(kLineEnd);
  }
}

void append_command(std::string& out, std::initializer_list<std::string_view> args) { append_command(out, args.begin(), args.size()); }

}  // namespace sse::redis
