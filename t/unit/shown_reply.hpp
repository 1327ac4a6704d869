// A reply in a form to compare.
#pragma once

#include <string>

#include "redis_reply.hpp"

namespace sse::redis {

// "text", +status, -error, 5, nil, cut(bytes), [elements].
inline std::string shown(ReplyView reply) {
  switch (reply.type()) {
    case ReplyType::string:
      return "\"" + std::string(reply.text()) + "\"";
    case ReplyType::status:
      return "+" + std::string(reply.text());
    case ReplyType::error:
      return "-" + std::string(reply.text());
    case ReplyType::integer:
      return std::to_string(reply.integer());
    case ReplyType::nil:
      return !reply.is_cut() ? "nil" : "cut(" + std::to_string(reply.cut_bytes()) + ")";
    case ReplyType::array:
      break;
  }
  std::string elements;
  for (const ReplyView element : reply) {
    elements += (elements.empty() ? "" : " ") + shown(element);
  }
  return "[" + elements + "]";
}

}  // namespace sse::redis
