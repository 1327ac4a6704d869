#include "reply_reader.hpp"

#include <hiredis/hiredis.h>

#include <algorithm>
#include <new>

#include "decimal.hpp"
#include "reply_builder.hpp"
#include "scratch.hpp"

namespace sse::redis {

namespace {

constexpr std::string_view kLineEnd = "\r\n";

// The value that is being read: an array of tasks in hiredis 0.14, an array of pointers to them in 1.x.
template <class Reader>
auto current_task(const Reader& reader, int) -> decltype(*reader.task[0], static_cast<const redisReadTask*>(nullptr)) {
  return reader.task[reader.ridx];
}
template <class Reader>
const redisReadTask* current_task(const Reader& reader, long) {
  return &reader.rstack[reader.ridx];
}

}  // namespace

void ReplyReader::FreeReader::operator()(redisReader* reader) const noexcept { redisReaderFree(reader); }

ReplyReader::ReplyReader(ReplyLimits limits) : builder_(std::make_unique<ReplyBuilder>(limits)) { reset(); }

ReplyReader::~ReplyReader() = default;

void ReplyReader::reset() {
  std::unique_ptr<redisReader, FreeReader> reader(redisReaderCreateWithFunctions(ReplyBuilder::functions()));
  if (!reader) {
    throw std::bad_alloc();
  }
  reader->privdata = builder_.get();
  reader->maxbuf = kScratchBytes;
  reader_ = std::move(reader);
  builder_->clear();
  fed_bytes_ = 0;
  skipped_bytes_ = 0;
  is_large_ = false;
  complete_ = false;
  failed_ = false;
}

std::size_t ReplyReader::unread_bytes() const { return reader_->len - reader_->pos; }

bool ReplyReader::feed_reader(std::string_view bytes) {
  fed_bytes_ += bytes.size();
  return redisReaderFeed(reader_.get(), bytes.data(), bytes.size()) == REDIS_OK;
}

bool ReplyReader::feed(std::string_view bytes) {
  if (failed_) {
    return false;
  }
  if (skipped_bytes_ != 0) {
    const std::size_t size = std::min(skipped_bytes_, bytes.size());
    skipped_bytes_ -= size;
    bytes.remove_prefix(size);
    if (skipped_bytes_ == 0 && !feed_reader("-1\r\n")) {
      return false;
    }
  }
  return feed_reader(bytes);
}

// hiredis takes a bulk string only when all of it has come: until then its length and what there is of it are what it has not read, its
// type it has. If there is too much of it, all that is taken back, and when the rest has gone by, the length of a nil comes instead.
void ReplyReader::skip_if_cut() {
  if (!builder_->cuts(unread_bytes()) || skipped_bytes_ != 0 || reader_->ridx < 0 ||
      current_task(*reader_, 0)->type != REDIS_REPLY_STRING) {
    return;
  }
  const std::string_view unread(reader_->buf + reader_->pos, unread_bytes());
  const std::size_t line_end = unread.find(kLineEnd);
  std::size_t size = 0;
  if (line_end == std::string_view::npos || !parse_decimal(unread.substr(0, line_end), size) || !builder_->cuts(size)) {
    return;
  }
  builder_->announce_cut(size);
  skipped_bytes_ = line_end + kLineEnd.size() + size + kLineEnd.size() - unread.size();
  reader_->pos = reader_->len;
  fed_bytes_ -= unread.size();
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
    builder_->clear();
    complete_ = false;
  }
  void* reply = nullptr;
  if (redisReaderGetReply(reader_.get(), &reply) != REDIS_OK) {
    return fail(Result::malformed);
  }
  if (reply == nullptr) {
    skip_if_cut();
    if (builder_->is_too_large() || unread_bytes() > builder_->most_bytes()) {
      return fail(Result::too_large);
    }
    if (is_large_ && fed_bytes_ == 0) {
      reset();
    }
    return Result::need_more;
  }
  if (builder_->is_too_large()) {
    return fail(Result::too_large);
  }
  is_large_ = is_large_ || fed_bytes_ > kScratchBytes;
  fed_bytes_ = unread_bytes();
  complete_ = true;
  out = builder_->finish();
  return Result::reply;
}

}  // namespace sse::redis
