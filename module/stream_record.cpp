#include "stream_record.hpp"

#include <algorithm>
#include <cstring>

#include "fence.hpp"
#include "start_id.hpp"
#include "stream_log.hpp"
#include "topic.hpp"

namespace sse::ngx {

namespace {

constexpr std::size_t kMaxNoted = 255;  // bytes; an address has 45 at most, an id of ours 128

unsigned char* note(unsigned char* to, std::string_view text) {
  *to = static_cast<unsigned char>(text.size());
  if (!text.empty()) {
    std::memcpy(to + 1, text.data(), text.size());
  }
  return to + 1 + text.size();
}

std::string_view noted(const unsigned char* from) { return {reinterpret_cast<const char*>(from + 1), *from}; }

std::int64_t time_of_day_ms() {
  const ngx_time_t* now = ngx_timeofday();
  return static_cast<std::int64_t>(now->sec) * 1000 + static_cast<std::int64_t>(now->msec);
}

}  // namespace

void StreamRecord::open(ngx_http_request_t* r) {
  if (loc_conf(r).stream_log == nullptr) {
    return;
  }
  fence(r->connection->log, [this, r] {
    std::string_view start_id;
    find_start_id(r, start_id);
    start_id = start_id.substr(0, kMaxNoted);
    const std::string_view client = view(r->connection->addr_text).substr(0, kMaxNoted);
    noted_ = std::make_unique<unsigned char[]>(2 + client.size() + start_id.size());
    note(note(noted_.get(), client), start_id);
  });
}

void StreamRecord::close(const LocConf& conf, const ngx_connection_t& c, const Subscriber& subscriber, std::uint64_t opened_ms,
                         CloseReason reason) {
  if (noted_ == nullptr) {
    return;
  }
  fence(c.log, [&, noted_at_open = std::move(noted_)] {
    StreamReport report;
    report.time_ms = time_of_day_ms();
    report.client = noted(noted_at_open.get());
    report.start_id = noted(noted_at_open.get() + 1 + report.client.size());
    report.server = view(conf.server_name);
    report.location = view(conf.location_name);
    report.connection = c.number;
    for (std::size_t i = 0; i < subscriber.size(); ++i) {
      if (const Topic* topic = subscriber[i].topic) {
        report.channels.push_back(topic->kind() == TopicKind::pattern ? "pattern:" + topic->name() : topic->name());
      }
    }
    report.duration_ms = now_ms() - opened_ms;
    report.events = subscriber.events_sent();
    report.bytes = static_cast<std::uint64_t>(std::max<off_t>(c.sent, 0));
    report.reason = to_string(reason);
    report.last_id = subscriber.last_id();
    conf.stream_log->write(report);
  });
}

}  // namespace sse::ngx
