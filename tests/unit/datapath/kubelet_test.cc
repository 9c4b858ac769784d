// Which process is the kubelet, in a /proc of the test's own.
// SPDX-License-Identifier: Apache-2.0
#include "agent/datapath/kubelet.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace culvert::datapath {
namespace {

namespace fs = std::filesystem;

class Node {
 public:
  Node() {
    std::string name = fs::temp_directory_path() / "culvert-kubelet-XXXXXX";
    root_ = ::mkdtemp(name.data());
    process(1, "systemd", "mnt:[1]", "/init.scope");
  }
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;
  ~Node() { fs::remove_all(root_); }

  void process(int pid, const char* name, const char* mounts, const char* cgroup) const {
    const fs::path folder = root_ / "proc" / std::to_string(pid);
    fs::create_directories(folder / "ns");
    std::ofstream(folder / "comm") << name << "\n";
    std::ofstream(folder / "cgroup") << "1:cpu:/elsewhere\n0::" << cgroup << "\n";
    fs::create_symlink(mounts, folder / "ns/mnt");
  }
  void cgroup(const char* path) const { fs::create_directories(cgroups() + path); }
  std::string cgroups() const { return root_ / "cgroup"; }
  Result<std::string> found() const { return find_kubelet_cgroup(root_ / "proc", cgroups()); }

 private:
  fs::path root_;
};

TEST_CASE("the kubelet is found by its name, also inside k3s and MicroK8s") {
  for (const char* name : {"kubelet", "k3s-server", "k3s-agent", "kubelite"}) {
    CAPTURE(name);
    const Node node;
    node.process(200, name, "mnt:[1]", "/system.slice/kubelet.service");
    node.process(90, "containerd", "mnt:[1]", "/system.slice/containerd.service");
    CHECK(node.found().value() == node.cgroups() + "/system.slice/kubelet.service");
  }
}

TEST_CASE("whatever calls itself kubelet in a container is none") {
  const Node node;
  node.process(100, "kubelet", "mnt:[77]", "/kubepods/pod1");
  const auto found = node.found();
  REQUIRE_FALSE(found);
  CHECK(found.error().code == Errc::not_found);
  CHECK(found.error().context.contains("--probe-cgroup"));
  node.process(200, "kubelet", "mnt:[1]", "/system.slice/kubelet.service");
  CHECK(node.found().value() == node.cgroups() + "/system.slice/kubelet.service");
}

TEST_CASE("a kubelet whose cgroup holds pods too gets no passports") {
  for (const char* cgroup : {"/", "/all.slice"}) {
    CAPTURE(cgroup);
    const Node node;
    node.cgroup("/all.slice/kubepods.slice");
    node.process(200, "kubelet", "mnt:[1]", cgroup);
    const auto found = node.found();
    REQUIRE_FALSE(found);
    CHECK(found.error().code == Errc::config);
    CHECK(found.error().context.contains("process 200"));
  }
}

TEST_CASE("a /proc that can't be read has no kubelet") {
  CHECK(find_kubelet_cgroup("/nowhere", "/x").error().code == Errc::not_found);
}

}  // namespace
}  // namespace culvert::datapath
