// Which processes are whose pod's, in a /proc of the test's own.
// SPDX-License-Identifier: Apache-2.0
#include "agent/enrol/running_pods.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include "tests/unit/agent/scratch_folder.h"

namespace culvert::enrol {

namespace {

namespace fs = std::filesystem;

const std::string kUid = "0a1b2c3d-0000-4000-8000-00000000000a";
const std::string kUidInSlice = "0a1b2c3d_0000_4000_8000_00000000000a";

// A /proc in which the network namespaces are plain files: only their inodes count.
class Processes {
 public:
  Processes() { process(1, 1, "node", {"0::/init.scope"}); }

  void process(int pid, int started, const std::string& netns,
               const std::vector<std::string>& cgroup) const {
    const fs::path folder = proc() + "/" + std::to_string(pid);
    fs::create_directories(folder / "ns");
    // Its name is meant to deceive.
    std::ofstream(folder / "stat") << pid << " (a) b (c) S 1 1 1 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 "
                                   << "1 0 " << started << " 2000 100\n";
    std::ofstream file(folder / "cgroup");
    for (const auto& line : cgroup) {
      file << line << "\n";
    }
    std::ofstream(path(netns), std::ios::app).flush();
    fs::create_symlink(path(netns), folder / "ns/net");
  }

  // The name of the namespace that is found for kUid, "" for none.
  std::string found() const {
    const auto all = find_running_pods(proc(), {kUid, "another"});
    const auto one = all.find(kUid);
    if (one == all.end()) {
      return "";
    }
    CHECK(all.size() == 1);
    struct stat node{};
    CHECK(::fstat(one->second.get(), &node) == 0);
    for (const auto& entry : fs::directory_iterator(folder_ / "netns")) {
      struct stat named{};
      if (::stat(entry.path().c_str(), &named) == 0 && named.st_ino == node.st_ino) {
        return entry.path().filename();
      }
    }
    return "one without a name";
  }

 private:
  std::string proc() const { return folder_ / "proc"; }
  std::string path(const std::string& netns) const {
    fs::create_directories(folder_ / "netns");
    return folder_ / ("netns/" + netns);
  }
  ScratchFolder folder_;
};

}  // namespace

TEST_CASE("the uid of a pod is in the cgroup of each of its processes, in every layout") {
  const std::vector<std::string> lines = {
      // The cgroupfs driver, v1 and v2; containerd, CRI-O, dockershim's successor.
      "12:pids:/kubepods/besteffort/pod" + kUid + "/4f2a",
      "3:cpu,cpuacct:/kubepods/pod" + kUid + "/crio-4f2a",
      "0::/kubepods/burstable/pod" + kUid + "/4f2a",
      // The systemd driver.
      "0::/kubepods.slice/kubepods-pod" + kUidInSlice + ".slice/cri-containerd-4f2a.scope",
      "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + kUidInSlice +
          ".slice/crio-4f2a.scope",
      "1:name=systemd:/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" +
          kUidInSlice + ".slice/docker-4f2a.scope",
      "0::/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" + kUidInSlice +
          ".slice/cri-containerd-4f2a.scope/init.scope",
      // containerd with a systemd driver that it was not told of.
      "5:memory:/system.slice/containerd.service/kubepods-burstable-pod" + kUidInSlice +
          ".slice:cri-containerd:4f2a",
      // A node in a container, as kind makes it; its kubelet has a root of its own.
      "0::/docker/77aa/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/"
      "kubelet-kubepods-burstable-pod" +
          kUidInSlice + ".slice/cri-containerd-4f2a.scope",
      "11:devices:/docker/77aa/kubelet/kubepods/besteffort/pod" + kUid + "/4f2a",
      // Seen from inside of another pod's cgroup namespace.
      "0::/../../kubepods-burstable-pod" + kUidInSlice + ".slice/cri-containerd-4f2a.scope",
  };
  for (const auto& line : lines) {
    CAPTURE(line);
    CHECK(pod_uid_of(line) == kUid);
  }
}

TEST_CASE("a static pod's uid is a hash") {
  CHECK(pod_uid_of("0::/kubepods/burstable/pod8d3f5a9c0e6b47d2a1f0c9b8e7d6a5f4/x") ==
        "8d3f5a9c0e6b47d2a1f0c9b8e7d6a5f4");
}

TEST_CASE("lines of other processes name no pod") {
  for (const auto* line :
       {"", "0::/", "0::", "garbage", "0::/system.slice/kubelet.service", "0::/kubepods.slice",
        "0::/kubepods.slice/kubepods-burstable.slice", "0::/kubepods/burstable",
        "0::/machine.slice/libpod-4f2a.scope", "0::/user.slice/podman", "0::/kubepods/pod",
        "0::/user.slice/pod0a1b2c3d-0000-4000-8000-00000000000a/x"}) {
    CAPTURE(line);
    CHECK_FALSE(pod_uid_of(line).has_value());
  }
}

TEST_CASE("a container that makes cgroups under another pod's name stays who it is") {
  CHECK(pod_uid_of("0::/kubepods.slice/kubepods-pod1111.slice/cri-containerd-a.scope/"
                   "kubepods.slice/kubepods-pod2222.slice/x") == "1111");
  CHECK(pod_uid_of("0::/kubepods/pod1111/a/kubepods/pod2222/b") == "1111");
}

TEST_CASE("a pod is found by its processes, and the namespace is that of the oldest") {
  const Processes node;
  CHECK(node.found().empty());
  const std::string of_pod = "0::/kubepods/burstable/pod" + kUid;
  node.process(40, 900, "made by the pod", {of_pod + "/app"});
  node.process(300, 500, "of the pod", {of_pod + "/pause"});
  node.process(20, 700, "of the pod", {of_pod + "/app"});
  node.process(21, 100, "of another", {"0::/kubepods/burstable/pod9999/app"});
  CHECK(node.found() == "of the pod");
}

TEST_CASE("what runs for a pod in the node's own namespace says nothing of where the pod is") {
  const Processes node;
  const std::string scope = "0::/kubepods.slice/kubepods-pod" + kUidInSlice + ".slice/crio-";
  node.process(30, 100, "node", {scope + "conmon-4f2a.scope"});
  CHECK(node.found().empty());  // as for a pod with hostNetwork
  node.process(31, 200, "of the pod", {scope + "4f2a.scope"});
  CHECK(node.found() == "of the pod");
}

TEST_CASE("on a hybrid host any hierarchy that names the pod will do") {
  const Processes node;
  node.process(31, 200, "of the pod",
               {"12:pids:/kubepods/pod" + kUid + "/a", "1:name=systemd:/init.scope", "0::/"});
  CHECK(node.found() == "of the pod");
}

TEST_CASE("a /proc that can't be read has no pods") {
  CHECK(find_running_pods("/nowhere", {kUid}).empty());
}

}  // namespace culvert::enrol
