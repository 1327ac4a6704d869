#include "reply_builder.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "scratch.hpp"

namespace sse::redis {

namespace {

constexpr std::size_t kMostBeyondLimit = 1024;  // a small limit must leave room for the answers that every connection gets

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

constexpr std::size_t or_unlimited(std::size_t limit) { return limit == 0 ? SIZE_MAX : limit; }

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

// Which node a value has become is kept as a pointer that is never followed, the offset of its end; null would mean "out of memory".
void* to_handle(std::size_t node_end) { return reinterpret_cast<void*>(node_end); }
std::size_t to_index(const void* handle) { return reinterpret_cast<std::uintptr_t>(handle) / sizeof(ReplyNode) - 1; }

}  // namespace

ReplyBuilder::ReplyBuilder(ReplyLimits limits)
    : limits_{std::max(or_unlimited(limits.value), kShortValueBytes), or_unlimited(limits.reply)},
      room_limit_(limits_.reply),
      most_bytes_(limits_.reply > (SIZE_MAX - kMostBeyondLimit) / 2 ? SIZE_MAX : 2 * limits_.reply + kMostBeyondLimit) {}

inline void* ReplyBuilder::add(const redisReadTask& task, ReplyType type, std::int64_t integer, std::size_t size) {
  if (room_limit_ == 0 && cut_array(task) != nullptr) {
    return task.parent->obj;
  }
  ReplyNode& node = buffer_.nodes.emplace_back();
  node.type = type;
  node.integer = integer;
  node.text_begin = buffer_.text.size();
  node.size = size;
  return to_handle(node_bytes());
}

void* ReplyBuilder::add_nil(const redisReadTask& task) {
  const std::size_t size = std::exchange(announced_bytes_, 0);
  void* const cut_value = size == 0 ? nullptr : cut(task, ReplyType::string, size);
  return cut_value != nullptr ? cut_value : add(task, ReplyType::nil, 0, 0);
}

inline void* ReplyBuilder::add_text(const redisReadTask& task, ReplyType type, std::string_view text) {
  if (text.size() > limits_.value || !has_room_for(text.size())) {
    void* const cut_value = cut(task, type, text.size());
    if (cut_value != nullptr) {
      return cut_value;
    }
  }
  const std::size_t text_begin = buffer_.text.size();
  buffer_.text.append(text);
  ReplyNode& node = buffer_.nodes.emplace_back();
  node.type = type;
  node.text_begin = text_begin;
  node.size = text.size();
  return to_handle(node_bytes());
}

void* ReplyBuilder::cut(const redisReadTask& task, ReplyType type, std::size_t size) {
  if (type != ReplyType::string && size >= most_bytes_) {
    was_too_large_ = true;  // while the line was incomplete: lines cannot be skipped as bulk strings are (ReplyReader::skip_if_cut)
  }
  const bool needs_room = size <= limits_.value;  // else it is cut for itself, and what follows has as much room as before
  if (room_limit_ == 0 || (needs_room && !has_room_for(size))) {
    room_limit_ = 0;
    ReplyNode* array = cut_array(task);
    if (array == nullptr && type == ReplyType::string) {
      array = fields_array(task);
      if (array != nullptr) {
        cut_fields(*array);
      }
    }
    if (array != nullptr) {
      array->size += size;
      return task.parent->obj;
    }
  }
  if (type != ReplyType::string || !cuts(size)) {
    return nullptr;
  }
  buffer_.nodes.emplace_back().size = 1 + size;
  return to_handle(node_bytes());
}

ReplyNode* ReplyBuilder::cut_array(const redisReadTask& task) {
  if (task.parent == nullptr) {
    return nullptr;
  }
  ReplyNode& array = buffer_.nodes[to_index(task.parent->obj)];
  return array.type == ReplyType::nil ? &array : nullptr;
}

ReplyNode* ReplyBuilder::fields_array(const redisReadTask& task) {
  const redisReadTask* const array = task.parent;
  const redisReadTask* const pair = array == nullptr ? nullptr : array->parent;
  if (pair == nullptr || pair->elements != 2 || array->idx != 1) {
    return nullptr;
  }
  const std::size_t index = to_index(array->obj);
  return buffer_.nodes[index - 1].type == ReplyType::string ? &buffer_.nodes[index] : nullptr;
}

void ReplyBuilder::cut_fields(ReplyNode& fields) {
  was_too_large_ = is_too_large();
  fields.type = ReplyType::nil;
  fields.size = 1 + buffer_.text.size() - fields.text_begin;
  buffer_.text.resize(fields.text_begin);
  buffer_.nodes.resize(static_cast<std::size_t>(&fields - buffer_.nodes.data()) + 1);
}

struct ReplyBuilder::Callbacks {
  static ReplyBuilder& builder(const redisReadTask* task) noexcept { return *static_cast<ReplyBuilder*>(task->privdata); }

  template <class Add>
  static void* guarded(Add add) noexcept {
    try {
      return add();
    } catch (const std::bad_alloc&) {
      return nullptr;
    }
  }

  static void* create_string(const redisReadTask* task, char* text, std::size_t size) noexcept {
    return guarded([=] { return builder(task).add_text(*task, text_type(task->type), {text, size}); });
  }

  // `count` is an int in hiredis 0.14 and a size_t in 1.x: the member it is assigned to decides.
  template <class Count>
  static void* create_array(const redisReadTask* task, Count count) noexcept {
    return guarded([=] { return builder(task).add(*task, ReplyType::array, 0, static_cast<std::size_t>(count)); });
  }

  static void* create_integer(const redisReadTask* task, long long value) noexcept {
    return guarded([=] { return builder(task).add(*task, ReplyType::integer, value, 0); });
  }

  static void* create_nil(const redisReadTask* task) noexcept {
    return guarded([=] { return builder(task).add_nil(*task); });
  }

  static void free_nothing(void*) noexcept {}

  // RESP3's types are never asked for, but 1.x would call null for a server that sends them all the same.
  template <class Functions>
  static auto set_resp3(Functions& functions, int) noexcept -> decltype(functions.createDouble, functions.createBool, void()) {
    functions.createDouble = [](const redisReadTask* task, double, char* text, std::size_t size) noexcept {
      return create_string(task, text, size);
    };
    functions.createBool = [](const redisReadTask* task, int value) noexcept { return create_integer(task, value); };
  }
  template <class Functions>
  static void set_resp3(Functions&, long) noexcept {}
};

redisReplyObjectFunctions* ReplyBuilder::functions() {
  static redisReplyObjectFunctions functions = [] {
    redisReplyObjectFunctions f = {};
    f.createString = Callbacks::create_string;
    f.createArray = Callbacks::create_array;
    f.createInteger = Callbacks::create_integer;
    f.createNil = Callbacks::create_nil;
    f.freeObject = Callbacks::free_nothing;
    Callbacks::set_resp3(f, 0);
    return f;
  }();
  return &functions;
}

ReplyView ReplyBuilder::finish() {
  set_ends(buffer_.nodes);
  return {buffer_, 0};
}

void ReplyBuilder::clear() {
  recycle(buffer_.nodes);
  recycle(buffer_.text);
  room_limit_ = limits_.reply;
  was_too_large_ = false;
  announced_bytes_ = 0;
}

}  // namespace sse::redis
