// The files of sse_log. nginx opens them with its own, and opens them anew on `nginx -s reopen`.
#pragma once

#include <memory>
#include <vector>

#include "line_buffer.hpp"
#include "logger.hpp"
#include "loop_event.hpp"
#include "ngx.hpp"
#include "stream_report.hpp"

namespace sse::ngx {

// One file, with a buffer of its own in each worker.
class StreamLog final : private LineOutput {
 public:
  StreamLog(ngx_open_file_t& file, std::size_t buffer_bytes, ngx_msec_t flush_ms);

  void write(const StreamReport& report);
  void flush();

  ngx_open_file_t& file() const { return file_; }
  bool has(std::size_t buffer_bytes, ngx_msec_t flush_ms) const { return buffer_bytes == buffer_bytes_ && flush_ms == flush_ms_; }

  // The file takes other bytes from now on.
  void reopen() {
    flush();
    buffer_.start_anew();
  }

 private:
  std::size_t write(std::string_view bytes) override;
  void report_loss();

  ngx_open_file_t& file_;
  const std::size_t buffer_bytes_;
  const ngx_msec_t flush_ms_;  // 0: only when the buffer is full, and on reopen and exit
  LineBuffer buffer_;
  std::string line_;
  ngx_err_t error_ = 0;
  std::uint64_t lost_ = 0;  // lines, since this was last said
  LogLimit error_log_;
  LoopEvent flush_timer_ = LoopEvent::calling<StreamLog, &StreamLog::flush>(this);
};

// Of a whole configuration.
using StreamLogs = std::vector<std::unique_ptr<StreamLog>>;

// The directive's setter, for a field StreamLog* that is null for "off".
char* set_stream_log(ngx_conf_t* cf, ngx_command_t* cmd, void* data);

// When all directives are read: nginx's hooks into the files. False after an error, which was logged.
bool hook_stream_logs(ngx_conf_t* cf, StreamLogs& logs);

// Writes what is buffered for any file, nginx's own too: at the end of a worker, whose last streams end after nginx has done so.
void flush_all_files(ngx_cycle_t* cycle);

}  // namespace sse::ngx
