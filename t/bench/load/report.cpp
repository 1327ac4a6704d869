#include "report.hpp"

#include "clock.hpp"

#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include <cstdio>
#include <memory>
#include <optional>

namespace sse::bench {

namespace {

using Writer = rapidjson::PrettyWriter<rapidjson::StringBuffer>;

constexpr double kMicrosecond = 1000.0;

double per(int64_t total, uint64_t count) { return count == 0 ? 0 : static_cast<double>(total) / static_cast<double>(count); }

class Object {
 public:
  Object(Writer& writer, const char* name) : writer_(writer) {
    writer_.Key(name);
    writer_.StartObject();
  }
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
  ~Object() { writer_.EndObject(); }

 private:
  Writer& writer_;
};

void put(Writer& writer, const char* name, std::optional<double> value) {
  writer.Key(name);
  if (value) {
    writer.Double(*value);
  } else {
    writer.Null();
  }
}

void put_count(Writer& writer, const char* name, uint64_t value) {
  writer.Key(name);
  writer.Uint64(value);
}

std::optional<double> milliseconds(std::optional<double> ns) { return ns ? std::optional<double>(*ns / kMillisecond) : std::nullopt; }

void put_latency(Writer& writer, const char* name, const Histogram& histogram) {
  Object object(writer, name);
  put_count(writer, "count", histogram.count());
  put(writer, "p50", milliseconds(histogram.quantile(0.5)));
  put(writer, "p99", milliseconds(histogram.quantile(0.99)));
  put(writer, "p999", milliseconds(histogram.quantile(0.999)));
  put(writer, "max", static_cast<double>(histogram.max()) / kMillisecond);
}

std::unique_ptr<Histogram> all_latencies(const Shared& shared) {
  auto merged = std::make_unique<Histogram>();
  for (const ReaderCounters& reader : shared.readers) {
    merged->merge(reader.latency_ns);
  }
  return merged;
}

uint64_t lost(const Shared& shared) {
  uint64_t arrived = shared.sum(&ReaderCounters::deliveries);
  return shared.expected > arrived ? shared.expected - arrived : 0;
}

int64_t last_delivery(const Shared& shared) {
  int64_t last = 0;
  for (const ReaderCounters& reader : shared.readers) {
    last = std::max<int64_t>(last, reader.last_delivery_ns);
  }
  return last;
}

double arrived_seconds(const Shared& shared) {
  int64_t last = last_delivery(shared);
  return last == 0 ? 0 : static_cast<double>(last - shared.began_ns) / kSecond;
}

const char* mode_name(Mode mode) {
  switch (mode) {
    case Mode::connect:
      return "connect";
    case Mode::idle:
      return "idle";
    case Mode::closed:
      return "closed";
    case Mode::paced:
      return "paced";
    case Mode::bursts:
      return "bursts";
    case Mode::replay:
      return "replay";
  }
  return "";
}

void put_server(Writer& writer, const Options& options, const Shared& shared, const Measurements& m) {
  uint64_t subscribers = options.subscribers;
  uint64_t deliveries = shared.sum(&ReaderCounters::deliveries);
  Object object(writer, "server");
  if (deliveries > 0) {
    put(writer, "cpu_us_per_delivery", per(m.traffic_cpu_ns, deliveries) / kMicrosecond);
    put(writer, "cpu_us_per_message", per(m.traffic_cpu_ns, shared.published) / kMicrosecond);
  }
  put(writer, "traffic_cpu_seconds", static_cast<double>(m.traffic_cpu_ns) / kSecond);
  put(writer, "pss_bytes_before", static_cast<double>(m.before.pss));
  put(writer, "pss_bytes_after", static_cast<double>(m.after.pss));
  if (options.mode == Mode::replay) {  // nobody is connected and idle before the traffic
    put(writer, "pss_bytes_peak", static_cast<double>(m.peak_pss));
    return;
  }
  put(writer, "connect_cpu_us_per_subscriber", per(m.connect_cpu_ns, subscribers) / kMicrosecond);
  put(writer, "cpu_share_while_publishing", m.busy_wall_ns == 0 ? 0 : per(m.busy_cpu_ns, static_cast<uint64_t>(m.busy_wall_ns)));
  put(writer, "pss_bytes_per_idle_subscriber", per(m.idle.pss - m.before.pss, subscribers));
  put(writer, "pss_bytes_per_subscriber_after", per(m.after.pss - m.before.pss, subscribers));
}

void put_broker(Writer& writer, const Shared& shared, const Measurements& m) {
  Object object(writer, "broker");
  put(writer, "cpu_us_per_message", per(m.broker_cpu_ns, shared.published) / kMicrosecond);
  put(writer, "cpu_us_per_delivery", per(m.broker_cpu_ns, shared.sum(&ReaderCounters::deliveries)) / kMicrosecond);
  put(writer, "traffic_cpu_seconds", static_cast<double>(m.broker_cpu_ns) / kSecond);
}

void put_kernel(Writer& writer, const Options& options, const Measurements& m) {
  uint64_t subscribers = options.subscribers;
  Object object(writer, "kernel_both_ends_bytes_per_subscriber");
  put(writer, "socket_buffers_idle", per(m.idle.socket_buffers - m.before.socket_buffers, subscribers));
  put(writer, "socket_buffers_after", per(m.after.socket_buffers - m.before.socket_buffers, subscribers));
  bool has_slab = m.before.slab >= 0;
  put(writer, "slab_idle", has_slab ? std::optional<double>(per(m.idle.slab - m.before.slab, subscribers)) : std::nullopt);
  put(writer, "slab_after", has_slab ? std::optional<double>(per(m.after.slab - m.before.slab, subscribers)) : std::nullopt);
}

void row(const char* name, std::optional<double> value, const char* unit) {
  if (value) {
    std::fprintf(stderr, "  %-34s %14.3f %s\n", name, *value, unit);
  } else {
    std::fprintf(stderr, "  %-34s %14s\n", name, "too few");
  }
}

void count_row(const char* name, uint64_t value) { std::fprintf(stderr, "  %-34s %14llu\n", name, static_cast<unsigned long long>(value)); }

void latency_rows(const Histogram& histogram) {
  row("latency p50", milliseconds(histogram.quantile(0.5)), "ms");
  row("latency p99", milliseconds(histogram.quantile(0.99)), "ms");
  row("latency p99.9", milliseconds(histogram.quantile(0.999)), "ms");
  row("latency max", static_cast<double>(histogram.max()) / kMillisecond, "ms");
}

}  // namespace

bool is_complete(const Shared& shared) {
  return lost(shared) == 0 && shared.sum(&ReaderCounters::damaged) == 0 && shared.sum(&ReaderCounters::duplicates) == 0 &&
         !shared.is_cut_short;
}

std::string report_json(const Options& options, const Shared& shared, const Measurements& m) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.SetMaxDecimalPlaces(4);
  writer.StartObject();
  if (!options.label.empty()) {
    writer.Key("label");
    writer.String(options.label.c_str());
  }
  writer.Key("mode");
  writer.String(mode_name(options.mode));
  put_count(writer, "subscribers", options.subscribers);
  put_count(writer, "channels", options.channels);
  put_count(writer, "channels_each", options.channels_each);
  put_count(writer, "payload_bytes", options.payload);
  put_count(writer, "stalled", options.stalled_count());
  put(writer, "connect_seconds", static_cast<double>(m.connect_wall_ns) / kSecond);
  put_count(writer, "published", shared.published);
  put_count(writer, "expected", shared.expected);
  uint64_t deliveries = shared.sum(&ReaderCounters::deliveries);
  put_count(writer, "deliveries", deliveries);
  put_count(writer, "lost", lost(shared));
  put_count(writer, "damaged", shared.sum(&ReaderCounters::damaged));
  put_count(writer, "gaps", shared.sum(&ReaderCounters::gaps));
  put_count(writer, "duplicates", shared.sum(&ReaderCounters::duplicates));
  put_count(writer, "resets", shared.sum(&ReaderCounters::resets));
  put_count(writer, "closed", shared.sum(&ReaderCounters::closed));
  put_count(writer, "bytes", shared.sum(&ReaderCounters::bytes));
  if (options.publish) {
    double seconds = arrived_seconds(shared);
    put(writer, "seconds_until_all_arrived", seconds);
    put(writer, "deliveries_per_second", seconds > 0 ? static_cast<double>(deliveries) / seconds : 0);
    put_latency(writer, options.mode == Mode::replay ? "caught_up_ms" : "latency_ms", *all_latencies(shared));
    if (publishes(options.mode)) {
      put(writer, "publishing_seconds", static_cast<double>(shared.last_publish_ns - shared.began_ns) / kSecond);
      put(writer, "publisher_most_late_ms", static_cast<double>(shared.most_late_ns) / kMillisecond);
    }
  }
  if (!options.probe.empty()) {
    put_latency(writer, "probe_ms", shared.probe_ns);
  }
  if (m.has_server) {
    put_server(writer, options, shared, m);
  }
  if (m.has_broker) {
    put_broker(writer, shared, m);
  }
  if (options.mode != Mode::replay) {
    put_kernel(writer, options, m);
  }
  writer.EndObject();
  return buffer.GetString();
}

void print_table(const Options& options, const Shared& shared, const Measurements& m) {
  std::fprintf(stderr, "%s%s%s: %u subscribers, %u channels, %zu bytes\n", options.label.c_str(), options.label.empty() ? "" : ", ",
               mode_name(options.mode), options.subscribers, options.channels, options.payload);
  uint64_t deliveries = shared.sum(&ReaderCounters::deliveries);
  row("all connected after", static_cast<double>(m.connect_wall_ns) / kSecond, "s");
  if (options.publish && shared.published > 0) {
    count_row("published", shared.published);
    count_row("deliveries", deliveries);
    count_row("lost", lost(shared));
    count_row("damaged", shared.sum(&ReaderCounters::damaged));
    count_row("duplicates", shared.sum(&ReaderCounters::duplicates));
    row("last delivery after", arrived_seconds(shared), "s");
    row("deliveries per second", static_cast<double>(deliveries) / arrived_seconds(shared), "");
    if (options.mode != Mode::replay) {
      latency_rows(*all_latencies(shared));
    }
  }
  count_row("resets", shared.sum(&ReaderCounters::resets));
  count_row("closed by the server", shared.sum(&ReaderCounters::closed));
  if (!options.probe.empty()) {
    std::fprintf(stderr, "  %s\n", options.probe.c_str());
    latency_rows(shared.probe_ns);
  }
  if (!m.has_server) {
    return;
  }
  if (deliveries > 0) {
    row("server CPU per delivery", per(m.traffic_cpu_ns, deliveries) / kMicrosecond, "µs");
  }
  if (options.mode == Mode::replay) {
    row("server memory before", static_cast<double>(m.before.pss) / 1024, "KiB (PSS)");
    row("the most that was seen", static_cast<double>(m.peak_pss) / 1024, "KiB (PSS)");
    row("afterwards", static_cast<double>(m.after.pss) / 1024, "KiB (PSS)");
    return;
  }
  row("server CPU per accepted subscriber", per(m.connect_cpu_ns, options.subscribers) / kMicrosecond, "µs");
  row("server memory per idle subscriber", per(m.idle.pss - m.before.pss, options.subscribers) / 1024, "KiB (PSS)");
  row("the same after the messages", per(m.after.pss - m.before.pss, options.subscribers) / 1024, "KiB (PSS)");
}

}  // namespace sse::bench
