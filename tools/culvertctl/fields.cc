// Tolerant readers over nlohmann-json; none of them throws.
// SPDX-License-Identifier: Apache-2.0
#include "tools/culvertctl/fields.h"

#include <fmt/format.h>

namespace culvert::ctl {

Result<Json> parse_json(std::string_view text, std::string_view source) {
  Json value = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded()) {
    return fail(Errc::protocol, fmt::format("{} is no JSON: the daemon may be of another version "
                                            "than culvertctl",
                                            source));
  }
  return value;
}

Answer answer_of(Result<Json> value) {
  return value ? Answer{std::move(*value), ""} : Answer{nullptr, to_string(value.error())};
}

const Json& field(const Json& value, std::string_view key) {
  static const Json null;
  if (!value.is_object()) {
    return null;
  }
  const auto found = value.find(std::string(key));
  return found == value.end() ? null : *found;
}

std::string text(const Json& value) {
  if (value.is_string()) {
    return value.get<std::string>();
  }
  return value.is_primitive() && !value.is_null() ? value.dump() : "";
}

std::string text(const Json& value, std::string_view key) {
  return text(field(value, key));
}

std::uint64_t number(const Json& value, std::string_view key) {
  const Json& found = field(value, key);
  return found.is_number_unsigned() ? found.get<std::uint64_t>() : 0;
}

std::string joined(const Json& array) {
  std::string out;
  if (array.is_array()) {
    for (const Json& item : array) {
      out += (out.empty() ? "" : ", ") + text(item);
    }
  }
  return out;
}

Json objects_in(const Json& value) {
  Json out = Json::array();
  if (value.is_array()) {
    for (const Json& item : value) {
      if (item.is_object()) {
        out.push_back(item);
      }
    }
  }
  return out;
}

}  // namespace culvert::ctl
