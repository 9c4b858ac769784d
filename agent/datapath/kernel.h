// bpf(2) in our own terms: every libbpf call of the room is wrapped here once, its negative code
// turned into an Error that names the object.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ztunnel/lib/base/fd.h"
#include "ztunnel/lib/base/result.h"

namespace culvert::datapath {

// What a link is attached to: a cgroup id or a netns inode, 0 once that is gone.
struct LinkTarget {
  std::uint64_t cgroup_id = 0;
  std::uint64_t netns_inode = 0;
};

enum class Attach : std::uint8_t { connect4, connect6, sock_ops, sk_lookup };

Result<> pin(const Fd& object, const std::string& path);
// open_pin fails with `not_found` where there is no such pin.
Result<Fd> open_pin(const std::string& path);
// unpin removes the file; absent is no error.
Result<> unpin(const std::string& path);

// make_link attaches a program to the cgroup directory or netns of `target_fd`.
Result<Fd> make_link(const Fd& program, int target_fd, Attach attach);
// replace_program swaps the program under a live link, atomically; false when what it was attached
// to is gone, which can happen at any moment.
Result<bool> replace_program(const Fd& link, const Fd& program);
Result<LinkTarget> link_target(const Fd& link);
// detach ends a link at once, whoever else holds it; not being a link is no error.
void detach(const Fd& link);

Result<> map_put(const Fd& map, const void* key, const void* value, std::string_view what);
// map_erase succeeds when there is no such key.
Result<> map_erase(const Fd& map, const void* key, std::string_view what);
// map_get gives false when there is no such key.
Result<bool> map_get(const Fd& map, const void* key, void* value, std::string_view what);

// map_keys lists all keys of a hash map. Keys that come or go meanwhile may be missed or doubled;
// the agent is the only writer of the maps that it lists.
template <class Key>
Result<std::vector<Key>> map_keys(const Fd& map, std::string_view what);

// map_next_key fails with the kernel's errno, ENOENT after the last key; `key` may be null.
int map_next_key(const Fd& map, const void* key, void* next);

template <class Key>
Result<std::vector<Key>> map_keys(const Fd& map, std::string_view what) {
  std::vector<Key> keys;
  Key next{};
  int error = map_next_key(map, nullptr, &next);
  while (error == 0) {
    keys.push_back(next);
    const Key last = next;
    error = map_next_key(map, &last, &next);
  }
  if (error != ENOENT) {
    return fail_errno(error, what);
  }
  return keys;
}

}  // namespace culvert::datapath
