// SPDX-License-Identifier: Apache-2.0
#include "tests/bpf/rig.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <doctest/doctest.h>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "agent/datapath/cgroup.h"
#include "agent/enrol/netns.h"
#include "agent/enrol/netns_setup.h"

extern char** environ;

namespace culvert::test {

namespace {

constexpr const char* kCgroups[] = {"pod", "daemon", "probe", "other"};

// The whole network of a rig as one `ip -batch` text; %N is the rig's name.
constexpr const char* kNetwork = R"(netns add %N-pod
netns add %N-out
link add %N type veth peer name %No
link set %N netns %N-pod name eth0
link set %No netns %N-out name eth0
)";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

void batch(const std::string& directory, const std::vector<std::string>& options,
           const std::string& text) {
  const std::string file = directory + "/batch";
  std::ofstream(file) << text;
  std::vector<std::string> command = {"ip"};
  command.insert(command.end(), options.begin(), options.end());
  command.insert(command.end(), {"-batch", file});
  REQUIRE(run(command) == 0);
}

std::string side(const char* own4, const char* own6, const char* other4, const char* other6) {
  return fmt::format(
      "link set lo up\nlink set eth0 up\naddr add {}/24 dev eth0\naddr add {}/64 dev eth0 nodad\n"
      "route add default via {}\nroute add default via {}\n",
      own4, own6, other4, other6);
}

Fd open_netns(const std::string& name) {
  Fd fd(::open(("/run/netns/" + name).c_str(), O_RDONLY | O_CLOEXEC));
  REQUIRE(fd);
  return fd;
}

}  // namespace

SocketAddress at(const char* ip, std::uint16_t port) {
  return {.ip = IpAddress::parse(ip).value(), .port = port};
}

int run(const std::vector<std::string>& arguments) {
  std::vector<char*> argv;
  for (const auto& argument : arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  pid_t pid = -1;
  if (::posix_spawnp(&pid, argv[0], nullptr, nullptr, argv.data(), environ) != 0) {
    return -1;
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return status;
}

Rig::Rig() {
  static int serial = 0;
  name_ = fmt::format("cb{}x{}", ::getpid(), serial++);  // an interface's name has 15 characters
  directory_ = "/tmp/" + name_;
  cgroup_root_ = datapath::find_cgroup2_root().value() + "/" + name_;
  try {
    build();
  } catch (...) {  // doctest's REQUIRE throws; a constructor that throws has no destructor
    remove();
    throw;
  }
}

Rig::~Rig() {
  remove();
}

void Rig::build() {
  REQUIRE(::mkdir(directory_.c_str(), 0700) == 0);
  REQUIRE(::mkdir(cgroup_root_.c_str(), 0755) == 0);
  for (const char* leaf : kCgroups) {
    REQUIRE(::mkdir(cgroup(leaf).c_str(), 0755) == 0);
  }
  batch(directory_, {}, replaced(kNetwork, "%N", name_));
  batch(directory_, {"-netns", name_ + "-pod"}, side(kPod4, kPod6, kOutside4, kOutside6));
  batch(directory_, {"-netns", name_ + "-out"}, side(kOutside4, kOutside6, kPod4, kPod6));
  pod_netns_ = open_netns(name_ + "-pod");
  outside_netns_ = open_netns(name_ + "-out");
  pod_cookie_ = enrol::netns_cookie(pod_netns_.get()).value();
  open_datapath();
}

void Rig::remove() {
  datapath_.reset();
  listeners_ = {};
  const auto removed = datapath::Datapath::remove_all(pin_dir());
  CHECK_MESSAGE(removed, (removed ? "" : removed.error().context));
  ::umount2(pin_dir().c_str(), MNT_DETACH);
  pod_netns_.reset();
  outside_netns_.reset();
  for (const char* end : {"-pod", "-out"}) {
    if (std::filesystem::exists("/run/netns/" + name_ + end)) {
      run({"ip", "netns", "del", name_ + end});
    }
  }
  for (const char* leaf : kCgroups) {
    CHECK(::rmdir(cgroup(leaf).c_str()) == 0);
  }
  CHECK(::rmdir(cgroup_root_.c_str()) == 0);
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

datapath::DatapathConfig Rig::config() const {
  return {.pin_dir = pin_dir(), .cgroup_root = cgroup_root_, .probe_cgroup = cgroup("probe")};
}

datapath::Datapath& Rig::open_datapath() {
  datapath_.reset();
  auto opened = datapath::Datapath::open(config());
  REQUIRE_MESSAGE(opened, (opened ? "" : opened.error().context));
  datapath_.emplace(std::move(*opened));
  return *datapath_;
}

void Rig::enrol_pod() {
  const auto set_up = enrol::set_up_netns(pod_netns(), pod_key().ips);
  REQUIRE_MESSAGE(set_up, (set_up ? "" : set_up.error().context));
  use_fresh_listeners();
  const auto daemon = datapath_->add_daemon(datapath::cgroup_id(cgroup("daemon")).value());
  REQUIRE(daemon);
}

enrol::Listeners Rig::use_fresh_listeners() {
  auto fresh = enrol::make_listeners(pod_netns());
  REQUIRE_MESSAGE(fresh, (fresh ? "" : fresh.error().context));
  const auto enrolled = datapath_->enrol_pod(pod_key(), pod_netns(),
                                             {.outbound = fresh->outbound.get(),
                                              .inbound = fresh->inbound.get(),
                                              .hbone = fresh->hbone.get()});
  REQUIRE_MESSAGE(enrolled, (enrolled ? "" : enrolled.error().context));
  std::swap(listeners_, *fresh);
  return std::move(*fresh);
}

datapath::PodKey Rig::pod_key() const {
  return {.netns_cookie = pod_cookie_,
          .ips = {IpAddress::parse(kPod4).value(), IpAddress::parse(kPod6).value()}};
}

Client Rig::connect_from_pod(const Connect& what) const {
  return Client::start(cgroup("pod"), pod_netns(), what);
}
Client Rig::connect_from_outside(const Connect& what) const {
  return Client::start(cgroup("other"), outside_netns(), what);
}
Client Rig::connect_as_daemon(const Connect& what) const {
  return Client::start(cgroup("daemon"), pod_netns(), what);
}
Client Rig::connect_as_probe(const Connect& what) const {
  return Client::start(cgroup("probe"), outside_netns(), what);
}

Fd Rig::listen_in_pod(const SocketAddress& address) const {
  return listen_in(pod_netns(), address);
}
Fd Rig::listen_outside(const SocketAddress& address) const {
  return listen_in(outside_netns(), address);
}

std::uint64_t Rig::count(std::string_view program, std::string_view verdict) const {
  const auto counts = datapath_->verdicts();
  REQUIRE(counts);
  for (const auto& count : *counts) {
    if (count.program == program && count.verdict == verdict) {
      return count.count;
    }
  }
  FAIL("no verdict ", std::string(program), " ", std::string(verdict));
  return 0;
}

std::string Rig::cgroup(const std::string& name) const {
  return cgroup_root_ + "/" + name;
}

void Rig::kill_pod_netns() {
  pod_netns_.reset();
  listeners_ = {};
  REQUIRE(run({"ip", "netns", "del", name_ + "-pod"}) == 0);
}

}  // namespace culvert::test
