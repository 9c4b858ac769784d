// SPDX-License-Identifier: Apache-2.0
#include "agent/datapath/cgroup.h"

#include <unistd.h>

#include <doctest/doctest.h>

using namespace culvert;

TEST_CASE("the cgroup2 mount is found on hybrid and on unified hosts") {
  const char* hybrid =
      "tmpfs /sys/fs/cgroup tmpfs rw 0 0\n"
      "cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n"
      "cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0\n";
  CHECK(datapath::find_cgroup2_root(hybrid).value() == "/sys/fs/cgroup/unified");
  const char* unified = "proc /proc proc rw 0 0\ncgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n";
  CHECK(datapath::find_cgroup2_root(unified).value() == "/sys/fs/cgroup");
}

TEST_CASE("a host without cgroup2 is told what to do") {
  const auto found = datapath::find_cgroup2_root("cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n");
  REQUIRE_FALSE(found);
  CHECK(found.error().code == Errc::not_found);
  CHECK(found.error().context.contains("--cgroup"));
}

TEST_CASE("a process that is gone has no cgroup") {
  CHECK(datapath::cgroup_of_process(0x7fffffff, "/x").error().code == Errc::not_found);
}
