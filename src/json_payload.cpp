#include "json_payload.hpp"

#include <cstdint>
#include <string>

#include "decimal.hpp"
#include "lone_surrogates.hpp"
#include "rapidjson_adapters.hpp"
#include "scratch.hpp"
#include "utf8.hpp"

namespace sse {

namespace {

bool is_integer(std::string_view number) { return number.find_first_of(".eE") == std::string_view::npos; }

}  // namespace

// Handler of RapidJSON's parse events; their names are its own. Only the fields of the outermost object mean something, and a repeated
// one replaces what it was before, its error included.
class JsonPayload::Parser {
 public:
  bool parse(std::string_view payload, Event& event, DecodeNotes& notes);

  // Whether the last payload made this object larger than is worth keeping.
  bool is_oversized() const { return json_.size() > kScratchBytes; }

  bool Null();
  bool Bool(bool value);
  bool RawNumber(const char* text, rapidjson::SizeType size, bool);
  bool String(const char* text, rapidjson::SizeType size, bool);
  bool Key(const char* text, rapidjson::SizeType size, bool);
  bool StartObject();
  bool EndObject(rapidjson::SizeType);
  bool StartArray();
  bool EndArray(rapidjson::SizeType);

  // Never called: numbers come as RawNumber.
  bool Int(int) { return false; }
  bool Uint(unsigned) { return false; }
  bool Int64(std::int64_t) { return false; }
  bool Uint64(std::uint64_t) { return false; }
  bool Double(double) { return false; }

 private:
  enum Field : unsigned { kOther = 0, kData = 1, kName = 2, kId = 4, kRetry = 8 };

  // Before a value other than a string: false when it is the whole payload, which must be an object.
  bool begin_value();
  // After a value: `data` is complete when this was its outermost.
  bool end_value();
  bool in_data() const { return field_ == kData; }
  bool is_field_value() const { return depth_ == 1; }
  void set_invalid() { invalid_fields_ |= field_; }

  std::string json_;  // the payload; parsed in place, so that strings are views into it
  StringSink data_;   // `data`, when it is not a string
  JsonReader reader_;
  JsonWriter writer_{data_};

  Event event_;
  std::size_t depth_ = 0;  // open objects and arrays
  Field field_ = kOther;   // the outermost object's field whose value is being read
  unsigned invalid_fields_ = 0;
};

bool JsonPayload::Parser::parse(std::string_view payload, Event& event, DecodeNotes& notes) {
  if (payload.find('\0') != std::string_view::npos) {
    return false;  // not JSON, but to RapidJSON the end of its input
  }
  json_.clear();
  append_utf8(json_, without_byte_order_mark(payload));
  replace_lone_surrogates(json_);
  event_ = Event();
  depth_ = 0;
  field_ = kOther;
  invalid_fields_ = 0;

  // Iterative: nesting must not use up the stack.
  constexpr unsigned kFlags = rapidjson::kParseInsituFlag | rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag;
  rapidjson::InsituStringStream stream(json_.data());
  if (reader_.Parse<kFlags>(stream, *this).IsError()) {
    return false;
  }
  event_.has_data = true;
  event = event_;
  notes.invalid_field = notes.invalid_field || invalid_fields_ != 0;
  return true;
}

bool JsonPayload::Parser::begin_value() {
  if (depth_ == 0) {
    return false;
  }
  if (in_data() && is_field_value()) {
    data_.text.clear();
    writer_.Reset(data_);
  }
  return true;
}

bool JsonPayload::Parser::end_value() {
  if (in_data() && is_field_value()) {
    event_.data = data_.text;
  }
  return true;
}

bool JsonPayload::Parser::Null() {
  if (!begin_value()) {
    return false;
  }
  if (in_data()) {
    writer_.Null();
  }
  return end_value();  // any other field: as if it were not there
}

bool JsonPayload::Parser::Bool(bool value) {
  if (!begin_value()) {
    return false;
  }
  if (in_data()) {
    writer_.Bool(value);
  } else if (is_field_value()) {
    set_invalid();
  }
  return end_value();
}

bool JsonPayload::Parser::RawNumber(const char* text, rapidjson::SizeType size, bool) {
  if (!begin_value()) {
    return false;
  }
  const std::string_view number(text, size);
  if (in_data()) {
    writer_.RawValue(text, size, rapidjson::kNumberType);
  } else if (is_field_value()) {
    std::uint32_t ms = 0;
    if (field_ == kId && is_integer(number) && is_valid_event_id(number)) {
      event_.id = number;
      event_.has_id = true;
    } else if (field_ == kRetry && parse_decimal(number, ms)) {
      event_.retry_ms = ms;
    } else {
      set_invalid();
    }
  }
  return end_value();
}

bool JsonPayload::Parser::String(const char* text, rapidjson::SizeType size, bool) {
  const std::string_view value(text, size);
  if (!is_field_value()) {
    if (in_data()) {
      writer_.String(text, size);
    }
    return depth_ != 0;
  }
  if (in_data()) {
    event_.data = value;
  } else if (field_ == kName && is_valid_event_name(value)) {
    event_.name = value;
  } else if (field_ == kId && is_valid_event_id(value)) {
    event_.id = value;
    event_.has_id = true;
  } else {
    set_invalid();
  }
  return true;
}

bool JsonPayload::Parser::Key(const char* text, rapidjson::SizeType size, bool) {
  if (!is_field_value()) {
    if (in_data()) {
      writer_.Key(text, size);
    }
    return true;
  }
  const std::string_view key(text, size);
  if (key == "data") {
    field_ = kData;
  } else if (key == "event") {
    field_ = kName;
    event_.name = {};
  } else if (key == "id") {
    field_ = kId;
    event_.id = {};
    event_.has_id = false;
  } else if (key == "retry") {
    field_ = kRetry;
    event_.retry_ms.reset();
  } else {
    field_ = kOther;
  }
  invalid_fields_ &= ~static_cast<unsigned>(field_);
  return true;
}

bool JsonPayload::Parser::StartObject() {
  if (depth_ == 0) {
    depth_ = 1;
    return true;
  }
  begin_value();
  if (in_data()) {
    writer_.StartObject();
  } else if (is_field_value()) {
    set_invalid();
  }
  ++depth_;
  return true;
}

bool JsonPayload::Parser::EndObject(rapidjson::SizeType) {
  --depth_;
  if (depth_ == 0) {
    return true;
  }
  if (in_data()) {
    writer_.EndObject();
  }
  return end_value();
}

bool JsonPayload::Parser::StartArray() {
  if (!begin_value()) {
    return false;
  }
  if (in_data()) {
    writer_.StartArray();
  } else if (is_field_value()) {
    set_invalid();
  }
  ++depth_;
  return true;
}

bool JsonPayload::Parser::EndArray(rapidjson::SizeType) {
  --depth_;
  if (in_data()) {
    writer_.EndArray();
  }
  return end_value();
}

JsonPayload::JsonPayload() : parser_(std::make_unique<Parser>()) {}

JsonPayload::~JsonPayload() = default;

bool JsonPayload::decode(std::string_view payload, Event& event, DecodeNotes& notes) {
  if (parser_->is_oversized()) {
    parser_ = std::make_unique<Parser>();
  }
  return parser_->parse(payload, event, notes);
}

}  // namespace sse
