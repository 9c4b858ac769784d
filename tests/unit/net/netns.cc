// Sockets made inside a network namespace of the test's own (root only).
// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/net/netns.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <thread>

#include "tests/unit/net/tcp_pair.h"

namespace culvert::net {
namespace {

// A fresh netns with `lo` up, made by a thread that ends; none without the right to make it.
Fd make_netns() {
  Fd netns;
  std::thread([&netns] {
    if (::unshare(CLONE_NEWNET) != 0) {
      return;
    }
    const Fd any(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    request.ifr_name[0] = 'l';
    request.ifr_name[1] = 'o';
    request.ifr_flags = IFF_UP;
    if (::ioctl(any.get(), SIOCSIFFLAGS, &request) == 0) {
      netns = Fd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    }
  }).join();
  return netns;
}

ino_t own_netns_inode() {
  struct stat status{};
  CHECK(::stat("/proc/thread-self/ns/net", &status) == 0);
  return status.st_ino;
}

// The thread's own netns is opened once and stays open: before any case, or it would count as a
// leak.
const Errc kFirstUse = *code_of(socket_in_netns(0x7fffffff, AF_INET, SOCK_STREAM));

TEST_CASE("sockets of a pod's netns meet there, and the thread stays where it was") {
  for_each_backend([](io::Loop& loop) {
    const Fd netns = make_netns();
    if (!netns) {
      MESSAGE("skipped: making a netns needs root");
      CHECK(std::getenv("CI") == nullptr);
      return;
    }
    const ino_t before = own_netns_inode();
    const auto listener = listen_tcp(
        {.at = {IpAddress(), 0}, .transparent = true, .reuse_port = true, .netns = netns.get()});
    REQUIRE(listener);
    const SocketAddress to{*IpAddress::parse("127.1.2.3"), local_address(listener->get())->port};
    auto client = block_on(loop, connect_tcp(loop, {.to = to,
                                                    .source = *IpAddress::parse("127.0.0.9"),
                                                    .transparent = true,
                                                    .source_ports = PortRange{10000, 10100},
                                                    .mark = 0x10,
                                                    .bind_device = "lo",
                                                    .netns = netns.get()}));
    REQUIRE_MESSAGE(client, to_string(client.error()));
    auto server = block_on(loop, accept_tcp(loop, listener->get()));
    REQUIRE(server);
    CHECK((*server)->peer_address()->ip == *IpAddress::parse("127.0.0.9"));
    CHECK(*(*server)->local_address() == to);
    const SocketAddress to6{IpAddress::loopback_v6(), to.port};
    CHECK(block_on(loop, connect_tcp(loop, {.to = to6,
                                            .source = IpAddress::loopback_v6(),
                                            .transparent = true,
                                            .source_ports = PortRange{10000, 10100},
                                            .mark = 0x10,
                                            .bind_device = "lo",
                                            .netns = netns.get()})));
    // Nobody listens there in the thread's own netns.
    CHECK(code_of(block_on(loop, connect_tcp(loop, {.to = to}))) == Errc::unavailable);
    CHECK(own_netns_inode() == before);
  });
}

TEST_CASE("a descriptor that is no netns is refused") {
  CHECK(kFirstUse == Errc::io);
  const auto path = open_netns("/dev/null");
  REQUIRE(path);
  CHECK(code_of(socket_in_netns(path->get(), AF_INET, SOCK_STREAM)) == Errc::io);
  CHECK(code_of(open_netns("/nonexistent/netns")) == Errc::unavailable);
}

}  // namespace
}  // namespace culvert::net
