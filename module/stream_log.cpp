#include "stream_log.hpp"

#include <utility>

#include "conf.hpp"
#include "fence.hpp"
#include "scratch.hpp"
#include "setters.hpp"

namespace sse::ngx {

namespace {

constexpr std::uint64_t kErrorLogMs = 1000;
constexpr std::string_view kBuffer = "buffer=";
constexpr std::string_view kFlush = "flush=";

// Of nginx, before it opens the file anew, and at the end of a worker. Found by the file: its `data` would be taken for something else
// by the access log of a `stream` block that writes to the same file.
void flush_file(ngx_open_file_t* file, ngx_log_t* log) {
  fence(log, [file] {
    const MainConf* main = main_conf(const_cast<ngx_cycle_t*>(ngx_cycle));
    if (main == nullptr) {
      return;
    }
    for (const auto& stream_log : *main->stream_logs) {
      if (&stream_log->file() == file) {
        stream_log->reopen();
      }
    }
  });
}

// The value behind a name such as "buffer="; false when the text does not begin with it.
bool take_value(std::string_view text, std::string_view name, ngx_str_t& value) {
  if (text.substr(0, name.size()) != name) {
    return false;
  }
  value = borrow(text.substr(name.size()));
  return true;
}

}  // namespace

StreamLog::StreamLog(ngx_open_file_t& file, std::size_t buffer_bytes, ngx_msec_t flush_ms)
    : file_(file), buffer_bytes_(buffer_bytes), flush_ms_(flush_ms), buffer_(*this, buffer_bytes), error_log_(kErrorLogMs) {}

void StreamLog::write(const StreamReport& report) {
  recycle(line_);
  append_json_line(line_, report);
  buffer_.add(line_);
  report_loss();
  if (flush_ms_ != 0 && !buffer_.empty() && !flush_timer_.is_timer_set()) {
    flush_timer_.set_timer(flush_ms_);
  }
}

void StreamLog::flush() {
  flush_timer_.cancel();
  buffer_.flush();
  report_loss();
}

// A line that is not written whole would be torn by another worker's: the rest is tried at once, and then given up.
std::size_t StreamLog::write(std::string_view bytes) {
  std::size_t taken = 0;
  while (taken < bytes.size()) {
    const ssize_t n = ::write(file_.fd, bytes.data() + taken, bytes.size() - taken);
    if (n > 0) {
      taken += static_cast<std::size_t>(n);
    } else if (n == 0 || ngx_errno != NGX_EINTR) {
      error_ = n == 0 ? NGX_ENOSPC : ngx_errno;
      break;
    }
  }
  return taken;
}

void StreamLog::report_loss() {
  lost_ += buffer_.take_lost();
  if (lost_ != 0 && error_log_.allows(now_ms())) {
    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, error_, "sse: write() to \"%V\" failed, %uL lines of \"sse_log\" lost", &file_.name,
                  std::exchange(lost_, 0));
  }
}

char* set_stream_log(ngx_conf_t* cf, ngx_command_t* cmd, void* data) {
  auto& field = static_cast<LocConf*>(data)->stream_log;
  if (field != NGX_CONF_UNSET_PTR) {
    return kDuplicate;
  }
  ngx_str_t path = argument(cf, 1);
  if (view(path) == "off") {
    field = nullptr;
    return cf->args->nelts == 2 ? NGX_CONF_OK : invalid(cf, cmd, argument(cf, 2), "nothing is allowed after \"off\"");
  }
  constexpr std::string_view kSyslog = "syslog:";
  if (path.len == 0 || view(path).find('$') != std::string_view::npos || view(path).substr(0, kSyslog.size()) == kSyslog) {
    return invalid(cf, cmd, path, "the path of a file, without variables, or \"off\" is allowed");
  }
  ssize_t buffer_bytes = 0;
  ngx_int_t flush_ms = 0;
  for (ngx_uint_t i = 2; i < cf->args->nelts; ++i) {
    const ngx_str_t& text = argument(cf, i);
    ngx_str_t value = ngx_null_string;
    bool is_right = false;
    if (take_value(view(text), kBuffer, value)) {
      is_right = buffer_bytes == 0 && value.len != 0 && (buffer_bytes = ngx_parse_size(&value)) > 0;
    } else if (take_value(view(text), kFlush, value)) {
      is_right = flush_ms == 0 && value.len != 0 && (flush_ms = ngx_parse_time(&value, 0)) > 0;
    }
    if (!is_right) {
      return invalid(cf, cmd, text, "\"buffer=64k\" and \"flush=5s\" or the like are allowed after the path");
    }
  }
  if (flush_ms != 0 && buffer_bytes == 0) {
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" has \"flush=\" without \"buffer=\": there is nothing to flush", &cmd->name);
    return kConfError;
  }

  ngx_open_file_t* file = ngx_conf_open_file(cf->cycle, &path);
  if (file == nullptr) {
    return kConfError;
  }
  auto& logs = *static_cast<MainConf*>(ngx_http_conf_get_module_main_conf(cf, ngx_http_sse_module))->stream_logs;
  for (const auto& log : logs) {
    if (&log->file() == file) {
      if (!log->has(static_cast<std::size_t>(buffer_bytes), static_cast<ngx_msec_t>(flush_ms))) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" \"%V\" is already defined with another \"buffer=\" or \"flush=\"", &cmd->name,
                           &path);
        return kConfError;
      }
      field = log.get();
      return NGX_CONF_OK;
    }
  }
  logs.push_back(std::make_unique<StreamLog>(*file, static_cast<std::size_t>(buffer_bytes), static_cast<ngx_msec_t>(flush_ms)));
  field = logs.back().get();
  return NGX_CONF_OK;
}

bool hook_stream_logs(ngx_conf_t* cf, StreamLogs& logs) {
  for (const auto& log : logs) {
    ngx_open_file_t& file = log->file();
    if (file.flush != nullptr) {
      ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"sse_log\" \"%V\" is the file of an \"access_log\" with a buffer", &file.name);
      return false;
    }
    file.flush = flush_file;
  }
  return true;
}

void flush_all_files(ngx_cycle_t* cycle) {
  for (ngx_list_part_t* part = &cycle->open_files.part; part != nullptr; part = part->next) {
    auto* files = static_cast<ngx_open_file_t*>(part->elts);
    for (ngx_uint_t i = 0; i < part->nelts; ++i) {
      if (files[i].flush != nullptr) {
        files[i].flush(&files[i], cycle->log);
      }
    }
  }
}

}  // namespace sse::ngx
