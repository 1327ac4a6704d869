#pragma once

#include <zlib.h>

#include <array>
#include <stdexcept>
#include <string_view>

namespace sse::bench {

// Decodes a gzip stream that comes in pieces, flushed by the server after each event.
class Inflater {
 public:
  Inflater() {
    constexpr int kGzip = 15 + 16;  // largest window, gzip header
    if (inflateInit2(&stream_, kGzip) != Z_OK) {
      throw std::bad_alloc();
    }
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater() { inflateEnd(&stream_); }

  // on_bytes(decoded piece); false if this is no gzip.
  template <class OnBytes>
  bool feed(std::string_view bytes, OnBytes&& on_bytes) {
    std::array<char, 16384> decoded;  // NOLINT: filled by inflate()
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream_.avail_in = static_cast<uInt>(bytes.size());
    do {
      stream_.next_out = reinterpret_cast<Bytef*>(decoded.data());
      stream_.avail_out = static_cast<uInt>(decoded.size());
      int status = inflate(&stream_, Z_SYNC_FLUSH);
      if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) {
        return false;
      }
      on_bytes(std::string_view(decoded.data(), decoded.size() - stream_.avail_out));
    } while (stream_.avail_out == 0);
    return true;
  }

 private:
  z_stream stream_{};
};

}  // namespace sse::bench
