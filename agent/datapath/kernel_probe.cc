// Tries what the data path needs, feature by feature; never the version number, which vendors'
// backports make meaningless.
// SPDX-License-Identifier: Apache-2.0
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/bpf.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstddef>

#include "agent/datapath/datapath.h"
#include "ztunnel/lib/base/fd.h"

namespace culvert::datapath {

namespace {

#ifndef SO_NETNS_COOKIE
constexpr int SO_NETNS_COOKIE = 71;  // asm-generic/socket.h of 5.14
#endif

struct HelperNeed {
  bpf_prog_type program;
  bpf_func_id helper;
  const char* missing;
};
constexpr HelperNeed kHelpers[] = {
    {BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_FUNC_get_netns_cookie,
     "the kernel's connect hook can't tell a socket's network namespace (bpf_get_netns_cookie, "
     "Linux "
     "5.7): use Linux 6.1 or newer"},
    {BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_FUNC_setsockopt,
     "the kernel's connect hook can't mark a socket (bpf_setsockopt, Linux 5.8): use Linux 6.1 or "
     "newer"},
    {BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_FUNC_get_current_cgroup_id,
     "the kernel's connect hook can't tell a process's cgroup (CONFIG_CGROUPS): use a kernel with "
     "it"},
    {BPF_PROG_TYPE_SK_LOOKUP, BPF_FUNC_sk_assign,
     "the kernel has no sk_lookup programs (Linux 5.9): use Linux 6.1 or newer"},
    {BPF_PROG_TYPE_SOCK_OPS, BPF_FUNC_sock_ops_cb_flags_set,
     "the kernel has no sockops programs (CONFIG_CGROUP_BPF): use a kernel with it"},
};

struct MapNeed {
  bpf_map_type map;
  const char* missing;
};
constexpr MapNeed kMaps[] = {
    {BPF_MAP_TYPE_SOCKHASH,
     "the kernel has no SOCKHASH maps (CONFIG_BPF_STREAM_PARSER or CONFIG_NET_SOCK_MSG): use a "
     "kernel "
     "with it"},
    {BPF_MAP_TYPE_LRU_HASH, "the kernel has no LRU hash maps (Linux 4.10): use Linux 6.1 or newer"},
    {BPF_MAP_TYPE_PERCPU_ARRAY,
     "the kernel has no per-CPU maps (Linux 4.6): use Linux 6.1 or newer"},
};

// Linux 5.17 lets sk_lookup see the interface that a SYN came in by; without it a delivery to the
// application looks like a stranger's connection.
bool sk_lookup_sees_interface() {
  const bpf_insn program[] = {
      {.code = BPF_LDX | BPF_MEM | BPF_W,
       .dst_reg = BPF_REG_0,
       .src_reg = BPF_REG_1,
       .off = offsetof(bpf_sk_lookup, ingress_ifindex),
       .imm = 0},
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .src_reg = 0, .off = 0, .imm = 1},
      {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
  };
  bpf_prog_load_opts options{};
  options.sz = sizeof options;
  options.expected_attach_type = BPF_SK_LOOKUP;
  const Fd fd(bpf_prog_load(BPF_PROG_TYPE_SK_LOOKUP, "probe", "GPL", program, std::size(program),
                            &options));
  return static_cast<bool>(fd);
}

bool sockets_tell_netns_cookie() {
  const Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  std::uint64_t cookie = 0;
  socklen_t length = sizeof cookie;
  return ::getsockopt(fd.get(), SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &length) == 0;
}

}  // namespace

std::vector<std::string> missing_kernel_features() {
  libbpf_set_print(nullptr);
  // Anything fails without the permission; then only that is worth saying.
  if (const int code = libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_CGROUP_SKB, nullptr); code != 1) {
    return {
        "bpf() can't load a program: run as root with CAP_BPF, CAP_NET_ADMIN and CAP_SYS_ADMIN, on "
        "a "
        "kernel with CONFIG_BPF_SYSCALL and CONFIG_CGROUP_BPF, without a seccomp profile that "
        "forbids bpf()"};
  }
  std::vector<std::string> missing;
  for (const auto& need : kHelpers) {
    if (libbpf_probe_bpf_helper(need.program, need.helper, nullptr) != 1) {
      missing.emplace_back(need.missing);
    }
  }
  for (const auto& need : kMaps) {
    if (libbpf_probe_bpf_map_type(need.map, nullptr) != 1) {
      missing.emplace_back(need.missing);
    }
  }
  if (!sk_lookup_sees_interface()) {
    missing.emplace_back(
        "sk_lookup programs can't see the ingress interface (Linux 5.17): use Linux "
        "6.1 or newer");
  }
  if (!sockets_tell_netns_cookie()) {
    missing.emplace_back(
        "sockets can't tell their namespace's cookie (SO_NETNS_COOKIE, Linux 5.14): use "
        "Linux 6.1 or newer");
  }
  if (::access("/proc/sys/net/ipv4/tcp_fwmark_accept", F_OK) != 0) {
    missing.emplace_back(
        "/proc/sys/net/ipv4/tcp_fwmark_accept is missing: mount /proc, on a kernel "
        "with CONFIG_NET and CONFIG_SYSCTL");
  }
  return missing;
}

}  // namespace culvert::datapath
