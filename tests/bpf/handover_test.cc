// Listeners are replaced while clients hammer them: what an agent's restart does on a busy node
// (experiment X13, here with a SOCKHASH).
// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <doctest/doctest.h>
#include <chrono>
#include <vector>

#include "tests/bpf/rig.h"

using namespace culvert;
using namespace culvert::test;
using namespace std::chrono_literals;

namespace {

constexpr int kSwaps = 30;

struct Tally {
  int connected = 0;
  int failed = 0;
};

// Connects to the pod in a loop until `stop` closes; resets each connection, so as not to run out
// of ports in TIME-WAIT.
Tally hammer(int netns_fd, int stop) {
  Tally tally;
  (void)::setns(netns_fd, CLONE_NEWNET);
  sockaddr_storage pod{};
  const auto length = at(kPod4, 8080).to_sockaddr(pod);
  const linger reset{.l_onoff = 1, .l_linger = 0};
  char byte = 0;
  while (::read(stop, &byte, 1) != 0) {
    const Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    const bool connected =
        ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&pod), length) == 0;
    ++(connected ? tally.connected : tally.failed);
  }
  return tally;
}

struct Pipe {
  Fd read;
  Fd write;
};

Pipe make_pipe(int flags) {
  int ends[2] = {-1, -1};
  REQUIRE(::pipe2(ends, O_CLOEXEC | flags) == 0);
  return {.read = Fd(ends[0]), .write = Fd(ends[1])};
}

void drain(const enrol::Listeners& listeners) {
  while (accept_within(listeners.inbound, 0ms)) {
  }
}

}  // namespace

TEST_CASE("listeners are replaced thirty times under load and not one connect fails") {
  Rig rig;
  rig.enrol_pod();
  auto stop = make_pipe(O_NONBLOCK);
  auto report = make_pipe(0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    stop.write.reset();
    const Tally tally = hammer(rig.outside_netns(), stop.read.get());
    (void)!::write(report.write.get(), &tally, sizeof tally);
    ::_exit(0);
  }
  // The old listeners stay open and are drained, as ztunnel does.
  std::vector<enrol::Listeners> former;
  for (int swap = 0; swap < kSwaps; ++swap) {
    former.push_back(rig.use_fresh_listeners());
    const auto until = std::chrono::steady_clock::now() + 20ms;
    while (std::chrono::steady_clock::now() < until) {
      drain(rig.listeners());
      drain(former.back());
    }
  }
  stop.write.reset();
  Tally tally;
  CHECK(::read(report.read.get(), &tally, sizeof tally) == sizeof tally);
  ::waitpid(pid, nullptr, 0);
  CHECK(tally.failed == 0);
  CHECK(tally.connected > kSwaps);
}
