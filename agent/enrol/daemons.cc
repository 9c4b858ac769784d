// SPDX-License-Identifier: Apache-2.0
#include "agent/enrol/daemons.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "agent/datapath/cgroup.h"
#include "ztunnel/lib/obs/log.h"

namespace culvert::enrol {

namespace {

namespace fs = std::filesystem;

bool has_processes(const fs::path& cgroup) {
  std::ifstream file(cgroup / "cgroup.procs");
  return file.peek() != std::ifstream::traits_type::eof();
}

}  // namespace

Result<> Daemons::admit(pid_t pid) {
  TRY(const auto path, datapath::cgroup_of_process(pid, cgroup_mount_));
  if (!(path + "/").starts_with(node_root_ + "/")) {
    return fail(Errc::config,
                fmt::format("ztunnel (process {}) runs in {}, outside of {}: start it "
                            "in a cgroup of its own below that",
                            pid, path, node_root_));
  }
  TRY(const auto id, datapath::cgroup_id(path));
  return datapath_.add_daemon(id);
}

Result<> Daemons::prune() {
  TRY(const auto exempt, datapath_.daemons());
  if (exempt.empty()) {
    return {};
  }
  std::set<std::uint64_t> alive;
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(node_root_, error)) {
    if (entry.is_directory(error) && has_processes(entry.path())) {
      if (const auto id = datapath::cgroup_id(entry.path())) {
        alive.insert(*id);
      }
    }
  }
  for (const auto id : exempt) {
    if (!alive.contains(id)) {
      TRY_VOID(datapath_.remove_daemon(id));
      obs::log(obs::Level::info, "enrol::daemons", "cgroup without processes no longer exempt",
               {{"cgroup_id", id}});
    }
  }
  return {};
}

}  // namespace culvert::enrol
