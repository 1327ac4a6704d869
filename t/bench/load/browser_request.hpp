#pragma once

#include <array>
#include <string>
#include <string_view>
#include <utility>

namespace sse::bench {

// What a Chromium sends for an EventSource of a site that has cookies, beside method, path and host; the head comes to 900 bytes.
constexpr std::array<std::pair<std::string_view, std::string_view>, 14> kBrowserHeaders{{
    {"sec-ch-ua", "\"Chromium\";v=\"124\", \"Google Chrome\";v=\"124\", \"Not-A.Brand\";v=\"99\""},
    {"accept", "text/event-stream"},
    {"cache-control", "no-cache"},
    {"sec-ch-ua-mobile", "?0"},
    {"user-agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36"},
    {"sec-ch-ua-platform", "\"Linux\""},
    {"sec-fetch-site", "same-origin"},
    {"sec-fetch-mode", "cors"},
    {"sec-fetch-dest", "empty"},
    {"referer", "https://www.example.com/dashboard/overview"},
    {"accept-encoding", "gzip, deflate, br"},
    {"accept-language", "en-GB,en;q=0.9,de;q=0.8"},
    {"cookie",
     "session=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIn0.n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg; "
     "csrftoken=Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6; theme=dark; consent=all.2026-01-01; _ga=GA1.1.1234567890.1700000000"},
    {"priority", "u=1, i"},
}};

// An empty last event id: none.
inline std::string browser_request(std::string_view path, std::string_view host, std::string_view last_event_id) {
  std::string head = "GET ";
  head.append(path).append(" HTTP/1.1\r\nhost: ").append(host).append("\r\nconnection: keep-alive\r\n");
  for (const auto& [name, value] : kBrowserHeaders) {
    head.append(name).append(": ").append(value).append("\r\n");
  }
  if (!last_event_id.empty()) {
    head.append("last-event-id: ").append(last_event_id).append("\r\n");
  }
  return head.append("\r\n");
}

}  // namespace sse::bench
