// A node without a kernel: each step is written down, and any step can be told to fail.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>

#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/enrol/announcer.h"
#include "agent/enrol/node_kernel.h"
#include "agent/enrol/notices.h"

namespace culvert::enrol {

inline Fd some_fd() {
  return Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

struct Diary {
  std::vector<std::string> steps;
  std::string failing;  // the step that fails

  Result<> note(const std::string& step) {
    steps.push_back(step);
    return step == failing ? Result<>(fail(Errc::io, step + " was told to fail")) : Result<>();
  }
  std::string told() const {
    std::string all;
    for (const auto& step : steps) {
      all += (all.empty() ? "" : " ") + step;
    }
    return all;
  }
};

class FakeKernel final : public NodeKernel {
 public:
  explicit FakeKernel(Diary& diary) : diary_(diary) {}

  std::vector<datapath::PodState> held_pods;
  std::map<std::uint64_t, std::uint64_t> findable;  // inode → cookie
  std::set<std::string> running;                    // uids of which find_running finds a process
  std::uint64_t next_cookie = 7;
  bool busy_connections = false;
  int tentative = 0;  // how often addresses() says that they are not ready

  Result<std::uint64_t> cookie(int) override { return next_cookie; }
  Result<std::uint64_t> inode(int) override { return next_cookie + 1000; }
  Result<std::vector<IpAddress>> addresses(int) override {
    if (tentative > 0) {
      --tentative;
      return fail(Errc::unavailable, "tentative");
    }
    return std::vector<IpAddress>{*IpAddress::parse("10.0.0.5")};
  }
  Result<> set_up(int, const std::vector<IpAddress>&) override { return diary_.note("set_up"); }
  Result<> tear_down(int) override { return diary_.note("tear_down"); }
  Result<Listeners> listen(int) override {
    TRY_VOID(diary_.note("listen"));
    return Listeners{.outbound = some_fd(), .inbound = some_fd(), .hbone = some_fd()};
  }
  Result<> capture(const datapath::PodKey& pod, int, const Listeners&) override {
    TRY_VOID(diary_.note("capture"));
    held_pods.push_back({.key = pod,
                         .captured = true,
                         .steered = true,
                         .listeners = true,
                         .netns_inode = pod.netns_cookie + 1000});
    return {};
  }
  Result<> end_capture(std::uint64_t) override { return diary_.note("end_capture"); }
  Result<> end_steering(std::uint64_t cookie) override {
    std::erase_if(held_pods, [&](const auto& pod) { return pod.key.netns_cookie == cookie; });
    return diary_.note("end_steering");
  }
  Result<bool> has_connections(int) override { return busy_connections; }
  Result<bool> reattach() override { return false; }
  Result<std::vector<datapath::PodState>> held() override { return held_pods; }
  std::map<std::string, Fd> find_running(const std::set<std::string>& uids) override {
    std::map<std::string, Fd> found;
    for (const auto& uid : uids) {
      if (running.contains(uid)) {
        found.emplace(uid, some_fd());
      }
    }
    return found;
  }
  Result<Fd> find_netns(std::uint64_t inode, std::uint64_t cookie) override {
    const auto found = findable.find(inode);
    if (found == findable.end() || found->second != cookie) {
      return fail(Errc::not_found, "no netns");
    }
    return some_fd();
  }

 private:
  Diary& diary_;
};

class FakeAnnouncer final : public Announcer {
 public:
  explicit FakeAnnouncer(Diary& diary) : diary_(diary) {}
  std::function<void()> meanwhile = [] {};  // happens once, while a pod is announced or withdrawn

  io::Task<> announce(AnnouncedPod) override {
    std::exchange(meanwhile, [] {})();
    co_await diary_.note("announce");
  }
  io::Task<> withdraw(std::string) override {
    std::exchange(meanwhile, [] {})();
    co_await diary_.note("withdraw");
  }

 private:
  Diary& diary_;
};

class FakeNotices final : public PodNotices {
 public:
  explicit FakeNotices(Diary& diary) : diary_(diary) {}
  std::vector<std::string> failures;

  io::Task<> mark(mesh::LocalPod) override {
    (void)diary_.note("mark");
    co_return;
  }
  io::Task<> withdraw(mesh::LocalPod) override {
    (void)diary_.note("unmark");
    co_return;
  }
  void failed(const mesh::LocalPod& pod, const std::string& sentence) override {
    failures.push_back(pod.uid + ": " + sentence);
  }

 private:
  Diary& diary_;
};

}  // namespace culvert::enrol
