// What is checked of a node before Culvert is on it. Changes nothing.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "tools/culvertctl/check/line.h"

namespace culvert::ctl {

struct PreOptions {
  std::string cni_conf_dir = "/etc/cni/net.d";
  std::string pin_dir = "/sys/fs/bpf/culvert";
};

Lines pre_lines(const PreOptions& options);

// Parts of it that know no node.

// kernel_line judges uname's release and what the data path misses in it.
Line kernel_line(std::string_view release, const std::vector<std::string>& missing);
// rights_line judges the text of /proc/self/status.
Line rights_line(std::string_view status);
// meshes_line looks for the CNI plugins of other meshes in the files of a folder.
Line meshes_line(const std::string& cni_conf_dir);
Line cni_line(const std::string& cni_conf_dir);

}  // namespace culvert::ctl
