// SPDX-License-Identifier: Apache-2.0
#include "agent/mesh/yaml_file.h"

#include <fmt/format.h>

#include "agent/mesh/object_reader.h"
#include "agent/mesh/yaml_documents.h"
#include "ztunnel/lib/base/utf8.h"

namespace culvert::mesh {
namespace {

void report(YamlFile& into, std::string_view file, std::string_view what) {
  into.problems.push_back({std::string(file), {}, fmt::format("{}: {}", file, what)});
}

void read_document(std::string_view file, const Tree& root, YamlFile& into) {
  if (root.is_null()) {
    return;  // an empty document, as between two "---"
  }
  const auto kind = text(root, "kind");
  if (kind.empty()) {
    report(into, file,
           "a document has no kind; write Kubernetes objects, each with apiVersion and kind");
  } else if (const auto& list = child(root, "items");
             kind.ends_with("List") && present(list) && !list.is_array()) {
    report(into, file, "the items of a List are no list; write each with a dash, as kubectl does");
  } else if (kind.ends_with("List")) {
    for (const auto& item : items(list)) {
      read_object(file, item, into);
    }
  } else {
    read_object(file, root, into);
  }
}

}  // namespace

YamlFile read_yaml(std::string_view file, const std::string& text) {
  YamlFile result;
  if (!is_utf8(text)) {
    // The parser would let the bytes through, and the texts of the mesh's protobufs must be UTF-8.
    result.broken = true;
    report(result, file,
           "the text is no UTF-8; save it as UTF-8, until then what the file held before stays in "
           "force");
    return result;
  }
  const auto documents = load_documents(text);
  if (!documents) {
    result.broken = true;
    report(result, file,
           fmt::format("{}; correct the YAML, until then what the file held before stays in force",
                       documents.error().context));
    return result;
  }
  for (const auto& document : *documents) {
    read_document(file, document, result);
  }
  return result;
}

}  // namespace culvert::mesh
