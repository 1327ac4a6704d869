#include "redis_reply.hpp"

#include <hiredis/hiredis.h>

#include <array>
#include <cassert>
#include <charconv>
#include <limits>
#include <new>

#include "scratch.hpp"

namespace sse::redis {

namespace {

// hiredis keeps and hands back a pointer for each value; null would mean "out of memory". The nodes are found by their order, so the
// pointer only has to be something else.
void* add_node(const redisReadTask* task, const ReplyNode& node) noexcept {
  auto& buffer = *static_cast<ReplyBuffer*>(task->privdata);
  try {
    buffer.nodes.push_back(node);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
  return &buffer;
}

ReplyType text_type(int hiredis_type) noexcept {
  switch (hiredis_type) {
    case REDIS_REPLY_STATUS:
      return ReplyType::status;
    case REDIS_REPLY_ERROR:
      return ReplyType::error;
    default:
      return ReplyType::string;
  }
}

void* add_text(const redisReadTask* task, const char* text, std::size_t size) noexcept {
  auto& buffer = *static_cast<ReplyBuffer*>(task->privdata);
  ReplyNode node;
  node.type = text_type(task->type);
  node.text_begin = buffer.text.size();
  node.size = size;
  try {
    buffer.text.append(text, size);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
  return add_node(task, node);
}

void* create_string(const redisReadTask* task, char* text, std::size_t size) noexcept { return add_text(task, text, size); }

// `count` is an int in hiredis 0.14 and a size_t in 1.x: the member it is assigned to decides.
template <class Count>
void* create_array(const redisReadTask* task, Count count) noexcept {
  ReplyNode node;
  node.type = ReplyType::array;
  node.size = static_cast<std::size_t>(count);
  return add_node(task, node);
}

void* create_integer(const redisReadTask* task, long long value) noexcept {
  ReplyNode node;
  node.type = ReplyType::integer;
  node.integer = value;
  return add_node(task, node);
}

void* create_nil(const redisReadTask* task) noexcept { return add_node(task, ReplyNode()); }

void free_nothing(void*) noexcept {}

// RESP3's types are never asked for, but 1.x would call null for a server that sends them all the same.
template <class Functions>
auto set_resp3_functions(Functions& functions, int) noexcept -> decltype(functions.createDouble, functions.createBool, void()) {
  functions.createDouble = [](const redisReadTask* task, double, char* text, std::size_t size) noexcept {
    return add_text(task, text, size);
  };
  functions.createBool = [](const redisReadTask* task, int value) noexcept { return create_integer(task, value); };
}
template <class Functions>
void set_resp3_functions(Functions&, long) noexcept {}

redisReplyObjectFunctions* reply_functions() {
  static redisReplyObjectFunctions functions = [] {
    redisReplyObjectFunctions f = {};
    f.createString = create_string;
    f.createArray = create_array;
    f.createInteger = create_integer;
    f.createNil = create_nil;
    f.freeObject = free_nothing;
    set_resp3_functions(f, 0);
    return f;
  }();
  return &functions;
}

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::size_t kMaxLengthLine = 1 + std::numeric_limits<std::size_t>::digits10 + 1 + kLineEnd.size();

void append_length(std::string& out, char kind, std::size_t length) {
  std::array<char, kMaxLengthLine> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), length).ptr;
  out.push_back(kind);
  out.append(digits.data(), end);
  out.append(kLineEnd);
}

// Children follow their parent, so from the back every child's end is known before its parent's.
void set_ends(std::vector<ReplyNode>& nodes) {
  for (std::size_t i = nodes.size(); i-- > 0;) {
    ReplyNode& node = nodes[i];
    node.end = i + 1;
    if (node.type == ReplyType::array) {
      for (std::size_t element = 0; element < node.size; ++element) {
        node.end = nodes[node.end].end;
      }
    }
  }
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

void ReplyReader::FreeReader::operator()(redisReader* reader) const noexcept { redisReaderFree(reader); }

ReplyReader::ReplyReader(std::size_t max_reply_bytes) : max_reply_bytes_(max_reply_bytes) { reset(); }

ReplyReader::~ReplyReader() = default;

void ReplyReader::reset() {
  std::unique_ptr<redisReader, FreeReader> reader(redisReaderCreateWithFunctions(reply_functions()));
  if (!reader) {
    throw std::bad_alloc();
  }
  reader->privdata = &buffer_;
  reader->maxbuf = kScratchBytes;
  reader_ = std::move(reader);
  recycle(buffer_.nodes);
  recycle(buffer_.text);
  fed_bytes_ = 0;
  is_large_ = false;
  complete_ = false;
  failed_ = false;
}

bool ReplyReader::feed(std::string_view bytes) {
  if (failed_ || redisReaderFeed(reader_.get(), bytes.data(), bytes.size()) != REDIS_OK) {
    return false;
  }
  fed_bytes_ += bytes.size();
  return true;
}

ReplyReader::Result ReplyReader::fail(Result reason) {
  failed_ = true;
  failure_ = reason;
  return reason;
}

ReplyReader::Result ReplyReader::next(ReplyView& out) {
  if (failed_) {
    return failure_;
  }
  if (complete_) {
    recycle(buffer_.nodes);
    recycle(buffer_.text);
    complete_ = false;
  }
  void* reply = nullptr;
  if (redisReaderGetReply(reader_.get(), &reply) != REDIS_OK) {
    return fail(Result::malformed);
  }
  const std::size_t unread_bytes = reply == nullptr ? 0 : reader_->len - reader_->pos;
  if (max_reply_bytes_ != 0 && fed_bytes_ - unread_bytes > max_reply_bytes_) {
    return fail(Result::too_large);
  }
  if (reply == nullptr) {
    if (is_large_ && fed_bytes_ == 0) {
      reset();
    }
    return Result::need_more;
  }
  is_large_ = is_large_ || fed_bytes_ > kScratchBytes;
  fed_bytes_ = unread_bytes;
  complete_ = true;
  set_ends(buffer_.nodes);
  out = ReplyView(buffer_, 0);
  return Result::reply;
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
