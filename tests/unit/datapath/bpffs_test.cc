// SPDX-License-Identifier: Apache-2.0
#include "agent/datapath/bpffs.h"

#include <doctest/doctest.h>

using namespace culvert;

TEST_CASE("a mount is known by its device, whole numbers only") {
  const char* mountinfo =
      "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"
      "52 31 0:141 / /sys/fs/bpf rw shared:7 - bpf bpf rw\n";
  CHECK(datapath::mountinfo_has_device(mountinfo, 0, 38));
  CHECK(datapath::mountinfo_has_device(mountinfo, 0, 141));
  CHECK_FALSE(datapath::mountinfo_has_device(mountinfo, 0, 14));
  CHECK_FALSE(datapath::mountinfo_has_device(mountinfo, 31, 0));
  CHECK_FALSE(datapath::mountinfo_has_device("", 0, 38));
}

TEST_CASE("a relative pin directory is refused") {
  CHECK(datapath::ensure_bpffs("pins/here").error().code == Errc::config);
}
