// SPDX-License-Identifier: Apache-2.0
#include "agent/datapath/kernel.h"

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <linux/bpf.h>
#include <unistd.h>

namespace culvert::datapath {

namespace {

bpf_attach_type attach_type(Attach attach) {
  switch (attach) {
    case Attach::connect4: return BPF_CGROUP_INET4_CONNECT;
    case Attach::connect6: return BPF_CGROUP_INET6_CONNECT;
    case Attach::sock_ops: return BPF_CGROUP_SOCK_OPS;
    case Attach::sk_lookup: return BPF_SK_LOOKUP;
  }
  __builtin_unreachable();
}

}  // namespace

Result<> pin(const Fd& object, const std::string& path) {
  if (const int code = bpf_obj_pin(object.get(), path.c_str()); code < 0) {
    return fail_errno(-code, fmt::format("pin {}", path));
  }
  return {};
}

Result<Fd> open_pin(const std::string& path) {
  const int fd = bpf_obj_get(path.c_str());
  if (fd == -ENOENT) {
    return fail(Errc::not_found, fmt::format("there is no pin {}", path));
  }
  if (fd < 0) {
    return fail_errno(-fd, fmt::format("open the pin {}", path));
  }
  return Fd(fd);
}

Result<> unpin(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    return fail_errno(errno, fmt::format("remove the pin {}", path));
  }
  return {};
}

Result<Fd> make_link(const Fd& program, int target_fd, Attach attach) {
  const int fd = bpf_link_create(program.get(), target_fd, attach_type(attach), nullptr);
  if (fd < 0) {
    return fail_errno(-fd, "attach the program");
  }
  return Fd(fd);
}

Result<bool> replace_program(const Fd& link, const Fd& program) {
  const int code = bpf_link_update(link.get(), program.get(), nullptr);
  if (code == -ENOLINK) {
    return false;
  }
  if (code < 0) {
    return fail_errno(-code, "replace the program under its link");
  }
  return true;
}

Result<LinkTarget> link_target(const Fd& link) {
  bpf_link_info info{};
  std::uint32_t length = sizeof info;
  if (const int code = bpf_obj_get_info_by_fd(link.get(), &info, &length); code < 0) {
    return fail_errno(-code, "ask a link what it is attached to");
  }
  if (info.type == BPF_LINK_TYPE_NETNS) {
    return LinkTarget{.netns_inode = info.netns.netns_ino};
  }
  return LinkTarget{.cgroup_id = info.cgroup.cgroup_id};
}

void detach(const Fd& link) {
  (void)bpf_link_detach(link.get());
}

Result<> map_put(const Fd& map, const void* key, const void* value, std::string_view what) {
  const int code = bpf_map_update_elem(map.get(), key, value, BPF_ANY);
  if (code == -E2BIG) {
    return fail(Errc::limit, fmt::format("{}: the map is full", what));
  }
  if (code < 0) {
    return fail_errno(-code, what);
  }
  return {};
}

Result<> map_erase(const Fd& map, const void* key, std::string_view what) {
  const int code = bpf_map_delete_elem(map.get(), key);
  if (code < 0 && code != -ENOENT) {
    return fail_errno(-code, what);
  }
  return {};
}

Result<bool> map_get(const Fd& map, const void* key, void* value, std::string_view what) {
  const int code = bpf_map_lookup_elem(map.get(), key, value);
  if (code == -ENOENT) {
    return false;
  }
  if (code < 0) {
    return fail_errno(-code, what);
  }
  return true;
}

int map_next_key(const Fd& map, const void* key, void* next) {
  return -bpf_map_get_next_key(map.get(), key, next);
}

}  // namespace culvert::datapath
