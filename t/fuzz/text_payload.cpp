// Form `text`: one event, whose data is the payload with line ends as LF and invalid UTF-8 replaced.
#include "encoded.hpp"

using namespace sse;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::Encoded message = fuzz::encode(PayloadForm::text, fuzz::Input(data, size));
  const reference::Client& client = message.client;
  fuzz::require(client.events.size() == 1, "a text is one event");
  const reference::Dispatched& event = client.events.front();
  fuzz::require(event.data == reference::repaired(reference::with_line_feeds(message.payload)), "the data is the payload");
  fuzz::require(event.type == (message.default_name.empty() ? "message" : reference::repaired(message.default_name)),
                "no name but the default");
  fuzz::require(event.last_event_id.empty() && !message.result.has_id, "a text has no id");
  fuzz::require(!client.retry_ms, "a text has no retry");
  fuzz::require(!message.result.notes.not_json && !message.result.notes.invalid_field, "nothing is wrong with a text");
  return 0;
}
