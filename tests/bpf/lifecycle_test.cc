// The pins: made, adopted, replaced, refused, removed.
// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <doctest/doctest.h>
#include <filesystem>

#include "agent/datapath/cgroup.h"
#include "tests/bpf/rig.h"

using namespace culvert;
using namespace culvert::test;
using namespace std::chrono_literals;

namespace {

bool serves(Rig& rig) {
  auto client = rig.connect_from_pod({.target = at(kNobody4, 80)});
  return accept_within(rig.listeners().outbound, 2s).has_value() && client.outcome().error == 0;
}

void check_refused(const Result<datapath::Datapath>& opened, const char* phrase) {
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == Errc::config);
  INFO(opened.error().context);
  CHECK(opened.error().context.find(phrase) != std::string::npos);
}

}  // namespace

TEST_CASE("this kernel has all features, and a process without rights is told so in one sentence") {
  CHECK(datapath::missing_kernel_features().empty());
  const pid_t pid = ::fork();
  if (pid == 0) {
    const bool dropped = ::setresuid(65534, 65534, 65534) == 0;
    const auto missing = datapath::missing_kernel_features();
    ::_exit(dropped && missing.size() == 1 && missing[0].contains("run as root") ? 0 : 1);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  CHECK(status == 0);
}

TEST_CASE("an agent that dies changes nothing") {
  Rig rig;
  rig.enrol_pod();
  rig.close_datapath();
  CHECK(serves(rig));
}

TEST_CASE(
    "an agent that starts again adopts pods, daemons and counters, and its programs replace the "
    "old") {
  Rig rig;
  rig.enrol_pod();
  CHECK(serves(rig));
  auto& datapath = rig.open_datapath();

  const auto pods = datapath.pods();
  REQUIRE(pods);
  REQUIRE(pods->size() == 1);
  const auto& pod = pods->front();
  CHECK(pod.key.netns_cookie == rig.pod_key().netns_cookie);
  CHECK(pod.key.ips == rig.pod_key().ips);
  CHECK(pod.captured);
  CHECK(pod.steered);
  CHECK(pod.listeners);
  CHECK(pod.netns_inode != 0);
  CHECK(datapath.daemons().value().size() == 1);
  CHECK(serves(rig));
  CHECK(rig.count("capture", "captured") == 2);  // one before, one after
}

TEST_CASE("fresh listeners take over, and what is queued on the old ones is still there") {
  Rig rig;
  rig.enrol_pod();
  auto queued = rig.connect_from_pod({.target = at(kNobody4, 80)});
  CHECK(queued.outcome().error == 0);
  rig.open_datapath();
  const auto old = rig.use_fresh_listeners();
  for (int i = 0; i < 8; ++i) {
    CHECK(serves(rig));
  }
  CHECK(accept_within(old.outbound, 1s));
  CHECK_FALSE(accept_within(old.outbound, 50ms));
}

TEST_CASE("listeners with closed descriptors leave their slots, which the list of pods tells") {
  Rig rig;
  rig.enrol_pod();
  rig.drop_listeners();
  CHECK_FALSE(rig.datapath().pods().value().front().listeners);
}

TEST_CASE("pins of another version are an error that names the path and the next step") {
  Rig rig;
  rig.close_datapath();
  const std::string stale = rig.pin_dir() + "/v999";
  REQUIRE(::mkdir(stale.c_str(), 0700) == 0);
  check_refused(datapath::Datapath::open(rig.config()), "/v999 are of another version");
  check_refused(datapath::Datapath::open(rig.config()), "--remove-pins");
  CHECK(datapath::Datapath::remove_all(rig.pin_dir()));
  CHECK_FALSE(std::filesystem::exists(stale));
  CHECK(datapath::Datapath::open(rig.config()));
}

TEST_CASE("a missing map among the pins is an error, not a second set of maps") {
  Rig rig;
  rig.close_datapath();
  REQUIRE(::unlink((rig.pin_dir() + "/v1/pods").c_str()) == 0);
  check_refused(datapath::Datapath::open(rig.config()), "/v1/pods is missing");
}

TEST_CASE("what an unfinished start left is removed by the next") {
  Rig rig;
  rig.close_datapath();
  REQUIRE(datapath::Datapath::remove_all(rig.pin_dir()));
  REQUIRE(::mkdir((rig.pin_dir() + "/v1-building").c_str(), 0700) == 0);
  rig.open_datapath();
  CHECK_FALSE(std::filesystem::exists(rig.pin_dir() + "/v1-building"));
  rig.enrol_pod();
  CHECK(serves(rig));
}

TEST_CASE("two agents can't share a pin directory") {
  Rig rig;
  check_refused(datapath::Datapath::open(rig.config()), "another agent owns the pins");
  const auto removed = datapath::Datapath::remove_all(rig.pin_dir());
  REQUIRE_FALSE(removed);
  CHECK(removed.error().code == Errc::config);
}

TEST_CASE("pins that belong to another cgroup are refused") {
  Rig rig;
  rig.close_datapath();
  auto config = rig.config();
  config.cgroup_root = rig.cgroup("other");
  check_refused(datapath::Datapath::open(config), "belongs to another cgroup");
}

TEST_CASE("a path that is no cgroup is refused by its name") {
  Rig rig;
  rig.close_datapath();
  auto config = rig.config();
  config.cgroup_root = "/tmp";
  check_refused(datapath::Datapath::open(config), "/tmp is no directory of cgroup2");
  config.cgroup_root = "/no/such/cgroup";
  check_refused(datapath::Datapath::open(config), "/no/such/cgroup");
}

TEST_CASE("a daemon in the node's root cgroup is refused") {
  Rig rig;
  const auto root = datapath::cgroup_id(rig.config().cgroup_root);
  const auto added = rig.datapath().add_daemon(root.value());
  REQUIRE_FALSE(added);
  CHECK(added.error().code == Errc::config);
}

TEST_CASE("removing everything sets the pod free") {
  Rig rig;
  rig.enrol_pod();
  rig.close_datapath();
  REQUIRE(datapath::Datapath::remove_all(rig.pin_dir()));
  CHECK_FALSE(std::filesystem::exists(rig.pin_dir() + "/v1"));
  const auto server = rig.listen_outside(at(kOutside4, 8080));
  auto client = rig.connect_from_pod({.target = at(kOutside4, 8080)});
  CHECK(accept_within(server, 2s));
  CHECK(client.outcome().mark == 0);
}

TEST_CASE("two nodes on one kernel do not see each other's pods") {
  Rig one;
  one.enrol_pod();
  Rig two;
  CHECK(two.datapath().pods().value().empty());
  two.enrol_pod();
  CHECK(serves(one));
  CHECK(serves(two));
  CHECK(one.count("capture", "captured") == 1);
  CHECK(two.count("capture", "captured") == 1);
}
