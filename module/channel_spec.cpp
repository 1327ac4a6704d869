#include "channel_spec.hpp"

#include <algorithm>
#include <cctype>

#include "channel_name.hpp"

namespace sse::ngx {

namespace {

constexpr const char* kAllowed = "1 to 256 bytes without control characters are allowed";
constexpr std::string_view kPatternPrefix = "pattern:";

// The length of the variable reference ($name, ${name}, $1) at the beginning of the text.
std::size_t variable_length(std::string_view text) {
  if (text.size() > 1 && text[1] == '{') {
    const std::size_t end = text.find('}');
    return end == std::string_view::npos ? text.size() : end + 1;
  }
  if (text.size() > 1 && text[1] >= '1' && text[1] <= '9') {
    return 2;
  }
  std::size_t length = 1;
  while (length < text.size() && (std::isalnum(static_cast<unsigned char>(text[length])) != 0 || text[length] == '_')) {
    ++length;
  }
  return length;
}

}  // namespace

bool ChannelSpec::add_part(ngx_conf_t* cf, std::string_view text, bool is_variable) {
  Part part{is_variable, {}};
  ngx_str_t value = copy(cf->pool, text);
  ngx_http_compile_complex_value_t compile;
  ngx_memzero(&compile, sizeof(compile));
  compile.cf = cf;
  compile.value = &value;
  compile.complex_value = &part.value;
  if (value.data == nullptr || ngx_http_compile_complex_value(&compile) != NGX_OK) {
    return false;
  }
  parts_.push_back(part);
  return true;
}

bool ChannelSpec::compile(ngx_conf_t* cf, const ngx_str_t& text, Form form, std::string& error) {
  text_ = text;
  form_ = form;
  std::string_view rest = view(text);
  if (form == Form::one && rest.substr(0, kPatternPrefix.size()) == kPatternPrefix) {
    kind_ = TopicKind::pattern;
    rest.remove_prefix(kPatternPrefix.size());
  }
  if (rest.empty()) {
    error = std::string("the channel name is empty; ") + kAllowed;
    return false;
  }
  while (!rest.empty()) {
    const bool is_variable = rest.front() == '$';
    const std::size_t length = is_variable ? variable_length(rest) : std::min(rest.find('$'), rest.size());
    if (!add_part(cf, rest.substr(0, length), is_variable)) {
      return false;
    }
    rest.remove_prefix(length);
  }
  if (form == Form::one && parts_.size() == 1 && !parts_.front().is_variable) {
    if (const char* wrong = channel_name_error(view(parts_.front().value.value))) {
      error = std::string("the channel name ") + wrong + "; " + kAllowed;
      return false;
    }
  }
  return true;
}

bool ChannelSpec::evaluate(ngx_http_request_t* r, RequestedChannels& channels, std::string& error) const {
  std::string name;
  for (const Part& part : parts_) {
    ngx_str_t value;
    if (ngx_http_complex_value(r, const_cast<ngx_http_complex_value_t*>(&part.value), &value) != NGX_OK) {
      return false;
    }
    if (part.is_variable && kind_ == TopicKind::pattern) {
      name += escape_glob(view(value));
    } else {
      name += view(value);
    }
  }
  return add(channels, name, error);
}

bool ChannelSpec::add_fixed(RequestedChannels& channels, std::string& error) const {
  const bool is_fixed = parts_.size() == 1 && !parts_.front().is_variable;
  return !is_fixed || add(channels, view(parts_.front().value.value), error);
}

bool ChannelSpec::add(RequestedChannels& channels, std::string_view text, std::string& error) const {
  if (form_ == Form::one) {
    return channels.add(kind_, text, error);
  }
  std::vector<std::string_view> names;
  if (!split_channel_list(text, names)) {
    error = "channel list has an empty name";
    return false;
  }
  return std::all_of(names.begin(), names.end(), [&](std::string_view item) { return channels.add(TopicKind::channel, item, error); });
}

}  // namespace sse::ngx
