// SPDX-License-Identifier: Apache-2.0
#include "bpf/lib/steer.h"

#include <doctest/doctest.h>

#include "tests/unit/bpf/parse.h"

using culvert::test::ip;
using culvert::test::pod_with;

namespace {

struct Syn {
  const char* local;
  __u16 port;
  const char* remote;
  bool from_lo;
};

steer_syn syn_of(const Syn& syn) {
  return {.local = ip(syn.local),
          .remote = ip(syn.remote),
          .local_port = syn.port,
          .remote_port = 40000,
          .from_lo = syn.from_lo};
}

culvert_verdict verdict_for(const Syn& syn) {
  const auto pod = pod_with({"10.0.0.1", "fd00::1"});
  const auto packet = syn_of(syn);
  return steer_verdict(&pod, &packet);
}

}  // namespace

TEST_CASE("each SYN goes where the order of classification sends it") {
  struct Case {
    Syn syn;
    culvert_verdict verdict;
  };
  const Case cases[] = {
      // To a foreign address: the application's captured connect, or a VM's by its own interface.
      {{"10.9.9.9", 80, "10.0.0.1", true}, CULVERT_VERDICT_STEER_OUTBOUND},
      {{"fd09::9", 80, "fd00::1", true}, CULVERT_VERDICT_STEER_OUTBOUND},
      {{"10.9.9.9", 80, "10.0.0.1", false}, CULVERT_VERDICT_STEER_OUTBOUND},
      {{"10.9.9.9", 15008, "10.0.0.1", true}, CULVERT_VERDICT_STEER_OUTBOUND},
      // To the pod from elsewhere.
      {{"10.0.0.1", 80, "10.0.0.2", false}, CULVERT_VERDICT_STEER_INBOUND},
      {{"fd00::1", 80, "fd00::2", false}, CULVERT_VERDICT_STEER_INBOUND},
      {{"10.0.0.1", 15008, "10.0.0.2", false}, CULVERT_VERDICT_STEER_HBONE},
      {{"10.0.0.1", 15001, "10.0.0.2", false}, CULVERT_VERDICT_STEER_INBOUND},
      {{"fe80::1", 80, "fe80::2", false}, CULVERT_VERDICT_STEER_INBOUND},
      // ztunnel's deliveries: the pod's address over loopback.
      {{"10.0.0.1", 80, "10.0.0.2", true}, CULVERT_VERDICT_STEER_DELIVERY},
      {{"fd00::1", 80, "fd00::2", true}, CULVERT_VERDICT_STEER_DELIVERY},
      {{"10.0.0.1", 15001, "10.0.0.2", true}, CULVERT_VERDICT_STEER_MESH_PORT},
      {{"10.0.0.1", 15006, "10.0.0.2", true}, CULVERT_VERDICT_STEER_MESH_PORT},
      {{"10.0.0.1", 15008, "10.0.0.2", true}, CULVERT_VERDICT_STEER_MESH_PORT},
      // The pod to itself; the kernel reports the interface that owns the address, not lo.
      {{"10.0.0.1", 80, "10.0.0.1", false}, CULVERT_VERDICT_STEER_SELF},
      {{"10.0.0.1", 80, "10.0.0.1", true}, CULVERT_VERDICT_STEER_SELF},
      {{"127.0.0.1", 80, "127.0.0.1", true}, CULVERT_VERDICT_STEER_SELF},
      {{"10.0.0.1", 15008, "10.0.0.1", false}, CULVERT_VERDICT_STEER_HBONE},
      {{"10.0.0.1", 15001, "10.0.0.1", false}, CULVERT_VERDICT_STEER_MESH_PORT},
      {{"127.0.0.1", 15006, "127.0.0.1", true}, CULVERT_VERDICT_STEER_MESH_PORT},
      // Loopback with two addresses, which only lo may carry.
      {{"127.0.0.9", 80, "127.0.0.1", true}, CULVERT_VERDICT_STEER_LOOPBACK},
      {{"127.0.0.9", 15001, "127.0.0.1", true}, CULVERT_VERDICT_STEER_MESH_PORT},
      {{"127.0.0.9", 80, "10.0.0.2", false}, CULVERT_VERDICT_STEER_OUTBOUND},
  };
  for (const auto& row : cases) {
    INFO(row.syn.remote, " to ", row.syn.local, ":", row.syn.port, " lo=", row.syn.from_lo);
    CHECK(verdict_for(row.syn) == row.verdict);
  }
}

TEST_CASE("a passport opens what would be plaintext inbound, while it is fresh") {
  const auto app = syn_of({"10.0.0.1", 80, "10.0.0.2", false});
  const auto capture_port = syn_of({"10.0.0.1", 15006, "10.0.0.2", false});
  const __u64 issued = 7'000'000'000;
  const __u64 fresh = issued + CULVERT_PASSPORT_LIFE_NS - 1;
  CHECK(steer_passport_admits(CULVERT_VERDICT_STEER_INBOUND, &app, issued, issued));
  CHECK(steer_passport_admits(CULVERT_VERDICT_STEER_INBOUND, &app, issued, fresh));
  CHECK_FALSE(steer_passport_admits(CULVERT_VERDICT_STEER_INBOUND, &app, issued, fresh + 1));
  CHECK_FALSE(steer_passport_admits(CULVERT_VERDICT_STEER_INBOUND, &capture_port, issued, issued));
  CHECK_FALSE(steer_passport_admits(CULVERT_VERDICT_STEER_HBONE, &app, issued, issued));
  CHECK_FALSE(steer_passport_admits(CULVERT_VERDICT_STEER_OUTBOUND, &app, issued, issued));
}

TEST_CASE("each steering verdict has its slot, and each empty slot its own verdict") {
  CHECK(steer_role(CULVERT_VERDICT_STEER_OUTBOUND) == CULVERT_ROLE_OUTBOUND);
  CHECK(steer_role(CULVERT_VERDICT_STEER_INBOUND) == CULVERT_ROLE_INBOUND);
  CHECK(steer_role(CULVERT_VERDICT_STEER_HBONE) == CULVERT_ROLE_HBONE);
  CHECK(steer_empty_slot(CULVERT_ROLE_OUTBOUND) == CULVERT_VERDICT_STEER_NO_OUTBOUND_LISTENER);
  CHECK(steer_empty_slot(CULVERT_ROLE_INBOUND) == CULVERT_VERDICT_STEER_NO_INBOUND_LISTENER);
  CHECK(steer_empty_slot(CULVERT_ROLE_HBONE) == CULVERT_VERDICT_STEER_NO_HBONE_LISTENER);
}
