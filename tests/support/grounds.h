// The ground that a scenario stands on: named network namespaces, a cgroup2 subtree and a folder,
// all under one prefix, so that whatever is left of an earlier run is found and removed by name.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace culvert::lab {

// Grounds owns every trace that a scenario leaves on the machine.
class Grounds {
 public:
  // Makes the grounds called `prefix`; an earlier scenario's leftovers under this name go first.
  explicit Grounds(std::string prefix);
  // Adopts grounds that exist, to clear them.
  static Grounds existing(std::string prefix);

  Grounds(Grounds&&) noexcept = default;
  Grounds& operator=(Grounds&&) = delete;

  const std::string& prefix() const { return prefix_; }
  std::string folder() const;                       // e.g. /run/culvert-lab/PREFIX
  std::string folder(std::string_view name) const;  // a folder below, made when absent

  // add_netns makes PREFIX.`name` with loopback up, and gives that name.
  std::string add_netns(std::string_view name) const;
  // add_cgroup makes PREFIX/`path` in the cgroup2 hierarchy and gives its directory.
  std::string add_cgroup(std::string_view path) const;
  // end_cgroup ends every process of PREFIX/`path` and removes it.
  void end_cgroup(std::string_view path) const;
  // add_bpffs mounts a bpf filesystem on the folder `name` and gives its path.
  std::string add_bpffs(std::string_view name) const;

  // clear ends every process of the grounds and removes all of the above; succeeds when nothing is
  // there.
  void clear() const;
  // left_overs names what is still there: processes, namespaces, cgroups, mounts, the folder.
  std::vector<std::string> left_overs() const;

 private:
  struct Adopt {};
  Grounds(std::string prefix, Adopt) : prefix_(std::move(prefix)) {}

  std::string prefix_;
};

// slug makes a name for namespaces out of a sentence: lower case, dashes, at most 40 bytes.
std::string slug(std::string_view sentence);

// set_sysctl writes /proc/sys/net/`name` inside a named network namespace.
void set_sysctl(const std::string& netns, std::string_view name, std::string_view value);

}  // namespace culvert::lab
