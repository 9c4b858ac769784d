// SPDX-License-Identifier: Apache-2.0
#include "bpf/lib/address.h"

#include <arpa/inet.h>

#include <doctest/doctest.h>

#include "tests/unit/bpf/parse.h"

using culvert::test::ip;
using culvert::test::pod_with;

TEST_CASE("both ways to make an address give the form of user space") {
  in_addr four{};
  ::inet_pton(AF_INET, "10.1.2.3", &four);
  const auto made = ip_from_v4(four.s_addr);
  const auto expected = ip("10.1.2.3");
  CHECK(ip_equal(&made, &expected));
  CHECK(ip_is_v4(&made));

  const auto six = ip("fd00:1:2:3:4:5:6:7");
  const auto made6 = ip_from_v6(six.words[0], six.words[1], six.words[2], six.words[3]);
  CHECK(ip_equal(&made6, &six));
  CHECK_FALSE(ip_is_v4(&six));
}

TEST_CASE("addresses that differ in any word are not equal") {
  const auto base = ip("1:2:3:4:5:6:7:8");
  for (const char* other :
       {"9:2:3:4:5:6:7:8", "1:2:9:4:5:6:7:8", "1:2:3:4:9:6:7:8", "1:2:3:4:5:6:7:9"}) {
    const auto address = ip(other);
    CHECK_FALSE(ip_equal(&base, &address));
  }
}

TEST_CASE("classes of addresses") {
  struct Case {
    const char* text;
    bool loopback, link_local, multicast;
  };
  const Case cases[] = {
      {"127.0.0.1", true, false, false},
      {"127.255.255.255", true, false, false},
      {"126.255.255.255", false, false, false},
      {"128.0.0.1", false, false, false},
      {"0.0.0.0", true, false, false},
      {"0.0.0.1", false, false, false},
      {"::", true, false, false},
      {"::1", true, false, false},
      {"::2", false, false, false},
      {"1::1", false, false, false},
      {"169.254.0.1", false, true, false},
      {"169.253.255.255", false, false, false},
      {"169.255.0.1", false, false, false},
      {"fe80::1", false, true, false},
      {"febf::1", false, true, false},
      {"fec0::1", false, false, false},
      {"224.0.0.1", false, false, true},
      {"239.255.255.255", false, false, true},
      {"240.0.0.1", false, false, false},
      {"223.255.255.255", false, false, false},
      {"ff02::1", false, false, true},
      {"fe00::1", false, false, false},
      {"10.0.0.1", false, false, false},
      {"2001:db8::1", false, false, false},
  };
  for (const auto& row : cases) {
    CAPTURE(row.text);
    const auto address = ip(row.text);
    CHECK(ip_is_loopback(&address) == row.loopback);
    CHECK(ip_is_link_local(&address) == row.link_local);
    CHECK(ip_is_multicast(&address) == row.multicast);
  }
}

TEST_CASE("a pod has the addresses that it was given, up to its count") {
  auto pod = pod_with({"10.0.0.1", "fd00::1"});
  for (const char* own : {"10.0.0.1", "fd00::1"}) {
    const auto address = ip(own);
    CHECK(pod_has_ip(&pod, &address));
  }
  const auto stranger = ip("10.0.0.2");
  CHECK_FALSE(pod_has_ip(&pod, &stranger));
  const auto beyond = ip("::");  // what the unused entries hold
  CHECK_FALSE(pod_has_ip(&pod, &beyond));
  pod.ip_count = CULVERT_POD_IPS_MAX;
  pod.ips[CULVERT_POD_IPS_MAX - 1] = stranger;
  CHECK(pod_has_ip(&pod, &stranger));
  pod.ip_count = CULVERT_POD_IPS_MAX + 1;  // never read past the end
  const auto absent = ip("10.9.9.9");
  CHECK_FALSE(pod_has_ip(&pod, &absent));
}
