// A folder of a test's own, with the files that it writes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/unit/agent/scratch_folder.h"

namespace culvert::kube {

class Folder : public ScratchFolder {
 public:
  // write gives the file's path.
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(*this / name, std::ios::trunc) << text;
    return *this / name;
  }
  void remove(const std::string& name) const { std::filesystem::remove(*this / name); }
};

}  // namespace culvert::kube
