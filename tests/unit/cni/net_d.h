// A node's CNI folder of a test, and whose files are in it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include "tests/unit/agent/scratch_folder.h"

namespace culvert::cni {

inline const std::string kEntry = R"({"type":"culvert-cni","runDir":"/r"})";
inline const std::string kList =
    "{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\n \"plugins\":[\n  {\"type\":\"ptp\",\"x\":1.50}\n "
    "]}\n";
inline const std::string kSingle = R"({"cniVersion":"0.4.0","name":"s","type":"bridge"})";

struct NetD {
  ScratchFolder folder;

  std::string operator/(const std::string& name) const { return folder / name; }
  // As careful programs do it: whole, by a rename.
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder / "aside") << text;
    std::filesystem::rename(folder / "aside", folder / name);
  }
  std::string read(const std::string& name) const {
    std::ifstream file(folder / name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  bool has_entry(const std::string& name) const { return read(name).contains("culvert-cni"); }
  std::map<std::string, std::string> all() const {
    std::map<std::string, std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
      files[entry.path().filename()] = read(entry.path().filename());
    }
    return files;
  }
};

}  // namespace culvert::cni
