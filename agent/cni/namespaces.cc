// SPDX-License-Identifier: Apache-2.0
#include "agent/cni/namespaces.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "agent/cni/files.h"

namespace culvert::cni {

using nlohmann::json;

bool NamespaceRule::holds_back(const std::string& ns) const {
  return !exempt.contains(ns) && (!mesh || mesh->contains(ns));
}

Result<std::optional<Namespaces>> read_namespaces(const std::string& path) {
  const auto text = read_file(path, kNamespacesBytesMax);
  if (!text && text.error().code == Errc::unavailable) {
    return std::nullopt;
  }
  if (!text) {
    return fail(text.error());
  }
  const json root = json::parse(*text, nullptr, false);
  if (!root.is_object() || !root.contains("namespaces") || !root["namespaces"].is_array()) {
    return fail(Errc::config, path + " is no list of the mesh's namespaces: remove it");
  }
  Namespaces namespaces;
  for (const auto& ns : root["namespaces"]) {
    if (!ns.is_string()) {
      return fail(Errc::config, path + " names a namespace that is no text: remove it");
    }
    namespaces.insert(ns.get<std::string>());
  }
  return namespaces;
}

Result<> write_namespaces(const std::string& path, const Namespaces& namespaces) {
  std::error_code error;
  const auto folder = std::filesystem::path(path).parent_path();
  std::filesystem::create_directories(folder, error);
  if (error) {
    return fail(Errc::io, "make the folder " + folder.string() + ": " + error.message());
  }
  const json root = {{"namespaces", namespaces}};
  return replace_file(path, root.dump(1, ' ', false, json::error_handler_t::replace) + "\n",
                      {.mode = 0644});
}

NamespaceBook::NamespaceBook(std::string path, Namespaces exempt)
    : path_(std::move(path)), rule_{.mesh = {}, .exempt = std::move(exempt)} {
  if (auto known = read_namespaces(path_)) {
    written_ = *known;
    rule_.mesh = std::move(*known);
  }
}

void NamespaceBook::learn(const Namespaces& mesh, bool complete) {
  if (!complete) {
    if (rule_.mesh) {
      rule_.mesh->insert(mesh.begin(), mesh.end());
    }
    return;
  }
  rule_.mesh = mesh;
  if (written_ == mesh) {
    return;
  }
  const auto written = write_namespaces(path_, mesh);
  problem_ = written ? "" : "the namespaces of the mesh: " + to_string(written.error());
  if (written) {
    written_ = mesh;
  }
}

}  // namespace culvert::cni
