// SPDX-License-Identifier: Apache-2.0
#include "agent/mesh/yaml_file.h"

#include <fmt/format.h>

#include <array>

#include "agent/mesh/yaml_documents.h"
#include "agent/mesh/yaml_node.h"
#include "ztunnel/lib/base/utf8.h"

namespace culvert::mesh {
namespace {

struct Kind {
  std::string_view group;  // apiVersion without its version
  std::string_view kind;
  void (*read)(ObjectReader&);
};

constexpr std::array kKinds = {
    Kind{"", "Namespace", read_namespace},
    Kind{"", "ServiceAccount", read_service_account},
    Kind{"", "Pod", read_pod},
    Kind{"", "Service", read_service},
    Kind{"discovery.k8s.io", "EndpointSlice", read_endpoint_slice},
    Kind{"security.istio.io", "AuthorizationPolicy", read_authorization_policy},
    Kind{"security.istio.io", "PeerAuthentication", read_peer_authentication},
    Kind{"gateway.networking.k8s.io", "Gateway", read_gateway},
};

void report(YamlFile& into, std::string_view file, std::string_view what) {
  into.problems.push_back({std::string(file), {}, fmt::format("{}: {}", file, what)});
}

void read_object(std::string_view file, const YAML::Node& root, YamlFile& into) {
  const auto api_version = text(root, "apiVersion");
  const auto kind = text(root, "kind");
  const auto slash = api_version.find('/');
  const auto group = slash == std::string::npos ? std::string() : api_version.substr(0, slash);
  ObjectReader reader(file, kind, root, into);
  if (reader.rejected()) {
    return;
  }
  for (const auto& known : kKinds) {
    if (known.group == group && known.kind == kind) {
      known.read(reader);
      return;
    }
  }
  reader.problem(fmt::format("the mesh does not read kind {} of {}", kind, api_version),
                 "it is ignored, take it out of the folder if nobody else needs it there");
}

void read_document(std::string_view file, const YAML::Node& root, YamlFile& into) {
  if (!root.IsDefined() || root.IsNull()) {
    return;  // an empty document, as between two "---"
  }
  const auto kind = text(root, "kind");
  if (kind.empty()) {
    report(into, file,
           "a document has no kind; write Kubernetes objects, each with apiVersion and kind");
  } else if (const auto list = child(root, "items");
             kind.ends_with("List") && list.IsDefined() && !list.IsSequence()) {
    report(into, file, "the items of a List are no list; write each with a dash, as kubectl does");
  } else if (kind.ends_with("List")) {
    for (const auto& item : items(child(root, "items"))) {
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
  std::vector<YAML::Node> documents;
  try {
    documents = load_documents(text);
    for (const auto& document : documents) {
      read_document(file, document, result);
    }
  } catch (const YAML::Exception& error) {
    result = {};
    result.broken = true;
    report(
        result, file,
        fmt::format("line {}: {}; correct the YAML, until then what the file held before stays in "
                    "force",
                    error.mark.line + 1, error.msg));
  }
  return result;
}

}  // namespace culvert::mesh
