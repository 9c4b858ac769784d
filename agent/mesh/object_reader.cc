// SPDX-License-Identifier: Apache-2.0
#include "agent/mesh/object_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <tuple>

namespace culvert::mesh {
namespace {

// Of the annotations those groups are kept that somebody reads here; kubectl alone leaves a copy of
// the whole object in one of its own.
constexpr std::array kAnnotationGroups = {"istio.io/", "culvert.dev/", "kubernetes.io/config."};

Labels read_annotations(const Tree& tree) {
  auto annotations = text_map(tree);
  std::erase_if(annotations, [](const auto& annotation) {
    return std::ranges::none_of(
        kAnnotationGroups, [&](const char* group) { return annotation.first.contains(group); });
  });
  return annotations;
}

Meta read_meta(const Kind& kind, const Tree& root) {
  const auto& metadata = child(root, "metadata");
  Meta meta;
  std::tie(meta.ns, meta.name) = key_of(kind, root);
  meta.uid = text(metadata, "uid");
  meta.created = text(metadata, "creationTimestamp");
  meta.labels = text_map(child(metadata, "labels"));
  meta.annotations = read_annotations(child(metadata, "annotations"));
  return meta;
}

}  // namespace

ObjectKey key_of(const Kind& kind, const Tree& tree) {
  const auto& metadata = child(tree, "metadata");
  if (!kind.namespaced) {
    return {{}, text(metadata, "name")};
  }
  const auto ns = text(metadata, "namespace");
  return {ns.empty() ? "default" : ns, text(metadata, "name")};
}

const Tree& child(const Tree& tree, std::string_view key) {
  static const Tree kAbsent(Tree::value_t::discarded);
  if (!tree.is_object()) {
    return kAbsent;
  }
  const auto found = tree.find(key);
  return found == tree.end() ? kAbsent : *found;
}

bool present(const Tree& tree) {
  return !tree.is_discarded();
}

std::string text(const Tree& tree) {
  if (const auto* written = tree.get_ptr<const std::string*>()) {
    return *written;
  }
  return tree.is_number() || tree.is_boolean() ? tree.dump() : std::string();
}

std::string text(const Tree& tree, std::string_view key) {
  return text(child(tree, key));
}

bool is_true(const Tree& tree, std::string_view key) {
  return text(tree, key) == "true";
}

std::span<const Tree> items(const Tree& tree) {
  const auto* elements = tree.get_ptr<const Tree::array_t*>();
  return elements == nullptr ? std::span<const Tree>() : std::span<const Tree>(*elements);
}

std::map<std::string, std::string> text_map(const Tree& tree) {
  std::map<std::string, std::string> result;
  if (const auto* entries = tree.get_ptr<const Tree::object_t*>()) {
    for (const auto& [key, value] : *entries) {
      result[key] = text(value);
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

ObjectReader::ObjectReader(std::string_view file, const Kind& kind, const Tree& root,
                           ReadObjects& into)
    : file_(file), kind_(kind.name), root_(root), into_(into), meta_(read_meta(kind, root)) {
  if (meta_.name.empty()) {
    reject("it has no metadata.name", "give it one");
  }
}

void ObjectReader::problem(std::string_view what, std::string_view next_step) {
  auto object = named(kind_, meta_.key());
  auto sentence =
      fmt::format("{}{}{}: {}; {}", file_, file_.empty() ? "" : ": ", object, what, next_step);
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
