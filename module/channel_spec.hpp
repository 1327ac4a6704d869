// The channels of a location, as the directives name them and as a request makes them out.
#pragma once

#include <string>
#include <vector>

#include "ngx.hpp"
#include "requested_channels.hpp"

namespace sse::ngx {

// One argument of sse_subscribe or sse_subscribe_list. What a variable yields is data: it cannot make a pattern or, but for
// sse_subscribe_list, a list.
class ChannelSpec {
 public:
  enum class Form : std::uint8_t { one, list };

  const ngx_str_t& text() const { return text_; }  // of the argument
  Form form() const { return form_; }
  TopicKind kind() const { return kind_; }

  // False when the text is wrong: `error` says why and what is allowed, or is empty when nginx has logged it.
  bool compile(ngx_conf_t* cf, const ngx_str_t& text, Form form, std::string& error);

  // Adds the channels that are the same for every request: those without a variable. False when there is something wrong: `error` says
  // what.
  bool add_fixed(RequestedChannels& channels, std::string& error) const;

  // Adds the request's channels. False when there is something wrong: `error` says what to the client, or is empty when a variable could
  // not be had.
  bool evaluate(ngx_http_request_t* r, RequestedChannels& channels, std::string& error) const;

 private:
  struct Part {
    bool is_variable;
    ngx_http_complex_value_t value;
  };

  bool add(RequestedChannels& channels, std::string_view text, std::string& error) const;
  bool add_part(ngx_conf_t* cf, std::string_view text, bool is_variable);

  ngx_str_t text_{};
  Form form_ = Form::one;
  TopicKind kind_ = TopicKind::channel;
  std::vector<Part> parts_;
};

}  // namespace sse::ngx
