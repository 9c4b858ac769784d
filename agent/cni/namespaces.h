// The namespaces that may have pods in the mesh: the agent writes them down, and culvert-cni goes
// by them while no agent answers. The agent itself goes by them for pods that its source does not
// know.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <set>
#include <string>

#include "ztunnel/lib/base/result.h"

namespace culvert::cni {

using Namespaces = std::set<std::string>;

// The name of the file in --state-dir, which outlives a reboot:
// {"namespaces":["shop",…]}
inline constexpr const char* kNamespacesName = "mesh-namespaces.json";
// 4 MiB: some ten thousand namespaces, of at most 63 bytes each, and room.
inline constexpr std::size_t kNamespacesBytesMax = std::size_t{4} << 20;

// NamespaceRule decides about pods that nobody knows anything else about.
struct NamespaceRule {
  std::optional<Namespaces>
      mesh;           // none: nobody wrote it down, so that any namespace may be meshed
  Namespaces exempt;  // those that the mesh itself needs

  // holds_back is true for a pod that must not start before the agent has seen it.
  bool holds_back(const std::string& ns) const;
};

// read_namespaces gives none for a file that is absent. Fails with `config` if it can't be
// understood.
Result<std::optional<Namespaces>> read_namespaces(const std::string& path);

// write_namespaces replaces the file in one rename; it makes the folder if that is absent. Anybody
// may read the file.
Result<> write_namespaces(const std::string& path, const Namespaces& namespaces);

// NamespaceBook is the agent's side: it learns from the source, and has on the disk what it knows.
class NamespaceBook {
 public:
  // Starts with what an earlier agent wrote down at `path`; a file that can't be read counts as
  // none.
  NamespaceBook(std::string path, Namespaces exempt);

  // learn takes the namespaces that may have pods in the mesh. While the source is not `complete`
  // they are only added to what is known; then the file is written if it says something else.
  void learn(const Namespaces& mesh, bool complete);

  const NamespaceRule& rule() const { return rule_; }
  // problem says why the file could not be written; empty if it was.
  const std::string& problem() const { return problem_; }

 private:
  std::string path_;
  NamespaceRule rule_;
  std::optional<Namespaces> written_;
  std::string problem_;
};

}  // namespace culvert::cni
