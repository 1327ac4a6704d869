#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sse::bench {

// Takes the chunked framing off an HTTP/1.1 body that comes in pieces; a body without framing passes through.
class HttpBody {
 public:
  void set_chunked(bool chunked) { state_ = chunked ? State::size : State::identity; }

  bool is_complete() const { return state_ == State::complete; }

  // on_bytes(piece of the body); false if the framing is wrong.
  template <class OnBytes>
  bool feed(std::string_view bytes, OnBytes&& on_bytes) {
    while (!bytes.empty()) {
      switch (state_) {
        case State::identity:
          on_bytes(bytes);
          return true;
        case State::data: {
          size_t n = static_cast<size_t>(std::min<uint64_t>(bytes.size(), left_));
          on_bytes(bytes.substr(0, n));
          bytes.remove_prefix(n);
          left_ -= n;
          if (left_ == 0) {
            state_ = State::after_data;
          }
          break;
        }
        default:
          if (!step(bytes.front())) {
            return false;
          }
          bytes.remove_prefix(1);
      }
    }
    return true;
  }

 private:
  enum class State : uint8_t { identity, size, extension, data, after_data, trailer, complete };

  // One byte of the framing.
  bool step(char c) {
    switch (state_) {
      case State::size:
        if (c == '\r') {
          return true;
        }
        if (c == ';') {
          state_ = State::extension;
          return true;
        }
        if (c == '\n') {
          state_ = left_ == 0 ? State::trailer : State::data;
          return true;
        }
        return digit(c);
      case State::extension:
        if (c == '\n') {
          state_ = left_ == 0 ? State::trailer : State::data;
        }
        return true;
      case State::after_data:
        if (c == '\n') {
          state_ = State::size;
        }
        return c == '\n' || c == '\r';
      case State::trailer:  // lines after the last chunk, of which the empty one is the end
        if (c == '\n') {
          state_ = left_ == 0 ? State::complete : State::trailer;
          left_ = 0;
        } else if (c != '\r') {
          ++left_;
        }
        return true;
      default:
        return false;  // more than the body
    }
  }

  bool digit(char c) {
    unsigned value = c >= '0' && c <= '9' ? static_cast<unsigned>(c - '0') : (static_cast<unsigned>(c) | 32U) - 'a' + 10U;
    left_ = left_ << 4U | value;
    return value < 16;
  }

  State state_ = State::identity;
  uint64_t left_ = 0;  // of the chunk; in the trailer: length of the line so far
};

}  // namespace sse::bench
