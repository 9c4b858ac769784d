// SPDX-License-Identifier: Apache-2.0
#include "agent/kube/fields.h"

namespace culvert::kube {

using nlohmann::json;

const json& child(const json& tree, std::string_view key) {
  static const json kNone;
  const auto found = tree.is_object() ? tree.find(key) : tree.end();
  return found == tree.end() ? kNone : *found;
}

std::string text(const json& tree, std::string_view key) {
  const json& value = child(tree, key);
  return value.is_string() ? value.get<std::string>() : std::string();
}

std::int64_t number(const json& tree, std::string_view key) {
  const json& value = child(tree, key);
  return value.is_number_integer() ? value.get<std::int64_t>() : 0;
}

std::span<const json> items(const json& tree) {
  const auto* const array = tree.get_ptr<const json::array_t*>();
  return array == nullptr ? std::span<const json>() : std::span<const json>(*array);
}

}  // namespace culvert::kube
