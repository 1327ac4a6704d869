// JSON by the letter of RFC 8259, on purpose not from the code under test nor by its library. Takes valid UTF-8.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sse::reference {

struct Json {
  enum class Kind : std::uint8_t { null, boolean, number, string, array, object };

  Kind kind = Kind::null;
  std::string text;                // of a string; "true", "false", or a number as written
  std::vector<std::string> names;  // of an object's members, one for each element
  std::vector<Json> elements;

  bool operator==(const Json& other) const {
    return kind == other.kind && text == other.text && names == other.names && elements == other.elements;
  }

  // The last member of this name.
  const Json* member(std::string_view name) const {
    for (std::size_t i = names.size(); i-- > 0;) {
      if (names[i] == name) {
        return &elements[i];
      }
    }
    return nullptr;
  }
};

class JsonParser {
 public:
  enum class Space : std::uint8_t { allowed, forbidden };

  static std::optional<Json> parse(std::string_view text, Space space = Space::allowed) {
    JsonParser parser(text, space);
    Json value;
    if (!parser.value(value) || !parser.text_.empty()) {
      return std::nullopt;
    }
    return value;
  }

 private:
  JsonParser(std::string_view text, Space space) : text_(text), space_(space) {}

  bool at(std::string_view bytes) const { return text_.substr(0, bytes.size()) == bytes; }
  bool at_any(std::string_view bytes) const { return !text_.empty() && bytes.find(text_.front()) != std::string_view::npos; }

  bool skip(std::string_view bytes) {
    const bool is_there = at(bytes);
    text_.remove_prefix(is_there ? bytes.size() : 0);
    return is_there;
  }

  // True, so that it can stand between two steps.
  bool spaces() {
    while (space_ == Space::allowed && at_any(" \t\r\n")) {
      text_.remove_prefix(1);
    }
    return true;
  }

  bool value(Json& out) { return spaces() && bare_value(out) && spaces(); }

  bool bare_value(Json& out) {
    if (skip("{")) {
      out.kind = Json::Kind::object;
      return members(out);
    }
    if (skip("[")) {
      out.kind = Json::Kind::array;
      return elements(out);
    }
    if (at("\"")) {
      out.kind = Json::Kind::string;
      return string(out.text);
    }
    for (const char* word : {"true", "false"}) {
      if (skip(word)) {
        out.kind = Json::Kind::boolean;
        out.text = word;
        return true;
      }
    }
    return skip("null") || number(out);
  }

  bool members(Json& out) {
    if (spaces() && skip("}")) {
      return true;
    }
    do {
      if (!(spaces() && string(out.names.emplace_back()) && spaces() && skip(":") && value(out.elements.emplace_back()))) {
        return false;
      }
    } while (skip(","));
    return skip("}");
  }

  bool elements(Json& out) {
    if (spaces() && skip("]")) {
      return true;
    }
    do {
      if (!value(out.elements.emplace_back())) {
        return false;
      }
    } while (skip(","));
    return skip("]");
  }

  bool digits() {
    const std::string_view before = text_;
    while (at_any("0123456789")) {
      text_.remove_prefix(1);
    }
    return text_.size() != before.size();
  }

  bool number(Json& out) {
    const std::string_view before = text_;
    out.kind = Json::Kind::number;
    skip("-");
    if (!skip("0") && !digits()) {
      return false;
    }
    if (skip(".") && !digits()) {
      return false;
    }
    if (skip("e") || skip("E")) {
      if (!skip("+")) {
        skip("-");
      }
      if (!digits()) {
        return false;
      }
    }
    out.text = before.substr(0, before.size() - text_.size());
    return true;
  }

  bool string(std::string& out) {
    if (!skip("\"")) {
      return false;
    }
    while (!skip("\"")) {
      if (text_.empty() || static_cast<unsigned char>(text_.front()) < 0x20) {
        return false;
      }
      if (!skip("\\")) {
        out += text_.front();
        text_.remove_prefix(1);
      } else if (!escape(out)) {
        return false;
      }
    }
    return true;
  }

  bool escape(std::string& out) {
    constexpr std::string_view kLetters = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    if (at_any(kLetters)) {
      out += kMeanings[kLetters.find(text_.front())];
      text_.remove_prefix(1);
      return true;
    }
    unsigned long unit = 0;
    if (!skip("u") || !hex4(unit)) {
      return false;
    }
    if (unit >= 0xD800 && unit <= 0xDBFF && at("\\u")) {
      const std::string_view before = text_;
      unsigned long low = 0;
      text_.remove_prefix(2);
      if (hex4(low) && low >= 0xDC00 && low <= 0xDFFF) {
        unit = 0x10000 + ((unit - 0xD800) << 10U) + (low - 0xDC00);
      } else {
        text_ = before;
      }
    }
    append(out, unit >= 0xD800 && unit <= 0xDFFF ? 0xFFFD : unit);
    return true;
  }

  bool hex4(unsigned long& unit) {
    const std::string digits(text_.substr(0, 4));
    if (digits.size() != 4 || digits.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos) {
      return false;
    }
    unit = std::strtoul(digits.c_str(), nullptr, 16);
    text_.remove_prefix(4);
    return true;
  }

  static void append(std::string& out, unsigned long code_point) {
    const auto byte = [&out](unsigned long bits) { out += static_cast<char>(bits); };
    if (code_point < 0x80) {
      return byte(code_point);
    }
    if (code_point < 0x800) {
      byte(0xC0 | code_point >> 6U);
    } else {
      if (code_point < 0x10000) {
        byte(0xE0 | code_point >> 12U);
      } else {
        byte(0xF0 | code_point >> 18U);
        byte(0x80 | (code_point >> 12U & 0x3F));
      }
      byte(0x80 | (code_point >> 6U & 0x3F));
    }
    byte(0x80 | (code_point & 0x3F));
  }

  std::string_view text_;
  Space space_;
};

}  // namespace sse::reference
