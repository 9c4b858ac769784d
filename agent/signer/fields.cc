// SPDX-License-Identifier: Apache-2.0
#include "agent/signer/fields.h"

namespace culvert::signer {

const Json& child(const Json& tree, std::string_view key) {
  static const Json kNone;
  const auto found = tree.is_object() ? tree.find(key) : tree.end();
  return found == tree.end() ? kNone : *found;
}

std::string text(const Json& tree, std::string_view key) {
  const Json& value = child(tree, key);
  return value.is_string() ? value.get<std::string>() : std::string();
}

Json to_refer(const Json& object) {
  const Json& metadata = child(object, "metadata");
  Json reference = {{"apiVersion", text(object, "apiVersion")},
                    {"kind", text(object, "kind")},
                    {"name", text(metadata, "name")},
                    {"uid", text(metadata, "uid")}};
  if (const auto in_namespace = text(metadata, "namespace"); !in_namespace.empty()) {
    reference["namespace"] = in_namespace;
  }
  return reference;
}

}  // namespace culvert::signer
