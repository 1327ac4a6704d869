#include "http2.hpp"

#include "browser_request.hpp"

#include <charconv>
#include <new>
#include <vector>

namespace sse::bench {

namespace {

constexpr uint32_t kWindow = 6 * 1024 * 1024;  // a browser's

nghttp2_nv field(std::string_view name, std::string_view value) {
  auto* n = reinterpret_cast<uint8_t*>(const_cast<char*>(name.data()));
  auto* v = reinterpret_cast<uint8_t*>(const_cast<char*>(value.data()));
  return {n, v, name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

}  // namespace

Http2::Http2(std::string_view scheme, std::string_view host, std::string_view path, std::string_view last_event_id) {
  nghttp2_session_callbacks* callbacks = nullptr;
  if (nghttp2_session_callbacks_new(&callbacks) != 0) {
    throw std::bad_alloc();
  }
  nghttp2_session_callbacks_set_on_header_callback(
      callbacks, [](nghttp2_session*, const nghttp2_frame*, const uint8_t* name, size_t name_length, const uint8_t* value, size_t length,
                    uint8_t, void* data) {
        if (std::string_view(reinterpret_cast<const char*>(name), name_length) == ":status") {
          const char* digits = reinterpret_cast<const char*>(value);
          std::from_chars(digits, digits + length, static_cast<Http2*>(data)->status_);
        }
        return 0;
      });
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
      callbacks, [](nghttp2_session*, uint8_t, int32_t, const uint8_t* bytes, size_t length, void* data) {
        (*static_cast<Http2*>(data)->on_body_)(std::string_view(reinterpret_cast<const char*>(bytes), length));
        return 0;
      });
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, [](nghttp2_session*, int32_t, uint32_t, void* data) {
    static_cast<Http2*>(data)->is_closed_ = true;
    return 0;
  });
  int made = nghttp2_session_client_new(&session_, callbacks, this);
  nghttp2_session_callbacks_del(callbacks);
  if (made != 0) {
    throw std::bad_alloc();
  }
  nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0}, {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kWindow}};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, 2);
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, static_cast<int32_t>(kWindow));
  std::vector<nghttp2_nv> fields{field(":method", "GET"), field(":scheme", scheme), field(":authority", host), field(":path", path)};
  for (const auto& [name, value] : kBrowserHeaders) {
    fields.push_back(field(name, value));
  }
  if (!last_event_id.empty()) {
    fields.push_back(field("last-event-id", last_event_id));
  }
  nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(), nullptr, nullptr);
}

bool Http2::feed(std::string_view bytes, const std::function<void(std::string_view)>& on_body) {
  on_body_ = &on_body;
  ssize_t taken = nghttp2_session_mem_recv(session_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  on_body_ = nullptr;
  return taken == static_cast<ssize_t>(bytes.size());
}

void Http2::take_output(std::string& out) {
  const uint8_t* bytes = nullptr;
  ssize_t length = 0;
  while ((length = nghttp2_session_mem_send(session_, &bytes)) > 0) {
    out.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(length));
  }
}

}  // namespace sse::bench
