// SPDX-License-Identifier: Apache-2.0
#include "agent/mesh/yaml_node.h"

#include <fmt/format.h>

#include <charconv>

namespace culvert::mesh {
namespace {

Meta read_meta(const YAML::Node& root, bool namespaced) {
  const auto metadata = child(root, "metadata");
  Meta meta;
  meta.name = text(metadata, "name");
  meta.ns = text(metadata, "namespace");
  if (namespaced && meta.ns.empty()) {
    meta.ns = "default";  // as kubectl does
  } else if (!namespaced) {
    meta.ns.clear();
  }
  meta.uid = text(metadata, "uid");
  meta.created = text(metadata, "creationTimestamp");
  meta.labels = text_map(child(metadata, "labels"));
  meta.annotations = text_map(child(metadata, "annotations"));
  return meta;
}

}  // namespace

YAML::Node child(const YAML::Node& node, const std::string& key) {
  if (node.IsDefined() && node.IsMap()) {
    const YAML::Node found = node[key];
    if (found.IsDefined()) {
      return found;
    }
  }
  return YAML::Node(YAML::NodeType::Undefined);
}

std::string text(const YAML::Node& node) {
  return node.IsDefined() && node.IsScalar() ? node.Scalar() : std::string();
}

std::string text(const YAML::Node& node, const std::string& key) {
  return text(child(node, key));
}

bool is_true(const YAML::Node& node, const std::string& key) {
  return text(node, key) == "true";
}

std::vector<YAML::Node> items(const YAML::Node& node) {
  if (!node.IsDefined() || !node.IsSequence()) {
    return {};
  }
  return {node.begin(), node.end()};
}

std::map<std::string, std::string> text_map(const YAML::Node& node) {
  std::map<std::string, std::string> result;
  if (node.IsDefined() && node.IsMap()) {
    for (const auto& entry : node) {
      result[text(entry.first)] = text(entry.second);
    }
  }
  return result;
}

std::optional<std::uint16_t> port_number(const std::string& text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port == 0) {
    return std::nullopt;
  }
  return port;
}

ObjectReader::ObjectReader(std::string_view file, std::string kind, const YAML::Node& root,
                           YamlFile& into)
    : file_(file),
      kind_(std::move(kind)),
      root_(root),
      into_(into),
      meta_(read_meta(root, kind_ != "Namespace")) {
  if (meta_.name.empty()) {
    reject("it has no metadata.name", "give it one");
  }
}

void ObjectReader::problem(std::string_view what, std::string_view next_step) {
  auto object = named(kind_, meta_.key());
  auto sentence = fmt::format("{}: {}: {}; {}", file_, object, what, next_step);
  into_.problems.push_back({file_, std::move(object), std::move(sentence)});
}

void ObjectReader::reject(std::string_view what, std::string_view next_step) {
  rejected_ = true;
  into_.rejected.emplace(kind_, meta_.key());
  problem(what, fmt::format("{}, until then what it was before stays in force", next_step));
}

std::optional<IpAddress> ObjectReader::address(const std::string& text, std::string_view place) {
  const auto ip = IpAddress::parse(text);
  if (!ip) {
    reject(fmt::format("{}: {}", place, ip.error().context), "correct it");
    return std::nullopt;
  }
  return *ip;
}

}  // namespace culvert::mesh
