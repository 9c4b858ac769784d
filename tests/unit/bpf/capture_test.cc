// SPDX-License-Identifier: Apache-2.0
#include "bpf/lib/capture.h"

#include <netinet/in.h>

#include <doctest/doctest.h>

#include "tests/unit/bpf/parse.h"

using culvert::test::ip;
using culvert::test::pod_with;

namespace {

culvert_verdict verdict_for(const char* target, __u32 protocol = IPPROTO_TCP, bool daemon = false) {
  const auto pod = pod_with({"10.0.0.1", "fd00::1"});
  const auto address = ip(target);
  return capture_verdict(&pod, daemon, protocol, &address);
}

}  // namespace

TEST_CASE("TCP and MPTCP to anywhere else is captured, in both families") {
  CHECK(verdict_for("10.0.0.2") == CULVERT_VERDICT_CAPTURE_CAPTURED);
  CHECK(verdict_for("fd00::2") == CULVERT_VERDICT_CAPTURE_CAPTURED);
  CHECK(verdict_for("10.0.0.2", IPPROTO_MPTCP) == CULVERT_VERDICT_CAPTURE_CAPTURED);
}

TEST_CASE("what is not the mesh's is left alone, each with its own verdict") {
  CHECK(verdict_for("10.0.0.2", IPPROTO_UDP) == CULVERT_VERDICT_CAPTURE_NOT_TCP);
  CHECK(verdict_for("10.0.0.2", IPPROTO_SCTP) == CULVERT_VERDICT_CAPTURE_NOT_TCP);
  CHECK(verdict_for("127.0.0.1") == CULVERT_VERDICT_CAPTURE_LOOPBACK);
  CHECK(verdict_for("::1") == CULVERT_VERDICT_CAPTURE_LOOPBACK);
  CHECK(verdict_for("0.0.0.0") == CULVERT_VERDICT_CAPTURE_LOOPBACK);
  CHECK(verdict_for("169.254.169.254") == CULVERT_VERDICT_CAPTURE_LINK_LOCAL);
  CHECK(verdict_for("fe80::1") == CULVERT_VERDICT_CAPTURE_LINK_LOCAL);
  CHECK(verdict_for("224.0.0.1") == CULVERT_VERDICT_CAPTURE_MULTICAST);
  CHECK(verdict_for("ff02::1") == CULVERT_VERDICT_CAPTURE_MULTICAST);
  CHECK(verdict_for("10.0.0.1") == CULVERT_VERDICT_CAPTURE_OWN_ADDRESS);
  CHECK(verdict_for("fd00::1") == CULVERT_VERDICT_CAPTURE_OWN_ADDRESS);
}

TEST_CASE("a daemon is exempt whatever it connects to") {
  CHECK(verdict_for("10.0.0.2", IPPROTO_TCP, true) == CULVERT_VERDICT_CAPTURE_DAEMON);
  CHECK(verdict_for("10.0.0.1", IPPROTO_TCP, true) == CULVERT_VERDICT_CAPTURE_DAEMON);
}

TEST_CASE(
    "a captured socket carries the outbound bit beside its own mark, and never the daemon's") {
  const auto captured = CULVERT_VERDICT_CAPTURE_CAPTURED;
  CHECK(capture_mark(0, captured) == CULVERT_MARK_OUTBOUND);
  CHECK(capture_mark(0x77, captured) == (0x77 | CULVERT_MARK_OUTBOUND));
  CHECK(capture_mark(CULVERT_MARK_DELIVERY | 0x77, captured) == (0x77 | CULVERT_MARK_OUTBOUND));
  CHECK(capture_mark(0xffffffffu, captured) == (0xffffffffu & ~CULVERT_MARK_DELIVERY));
}

TEST_CASE("forged bits are cleared where the connection is left alone, but a daemon's are kept") {
  const auto own = CULVERT_VERDICT_CAPTURE_OWN_ADDRESS;
  CHECK(capture_mark(CULVERT_MARK_MASK | 0x77, own) == 0x77);
  CHECK(capture_mark(CULVERT_MARK_DELIVERY, CULVERT_VERDICT_CAPTURE_LOOPBACK) == 0);
  CHECK(capture_mark(CULVERT_MARK_DELIVERY, CULVERT_VERDICT_CAPTURE_DAEMON) ==
        CULVERT_MARK_DELIVERY);
  CHECK(capture_mark(0x77, CULVERT_VERDICT_CAPTURE_NOT_TCP) == 0x77);
}
