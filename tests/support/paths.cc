// Paths relative to the running binary.
// SPDX-License-Identifier: Apache-2.0
#include "tests/support/paths.h"

#include <filesystem>

#include "tests/support/lab_error.h"

namespace culvert::lab {

std::string program(std::string_view name) {
  const auto path = std::filesystem::read_symlink("/proc/self/exe").parent_path() / name;
  expect(std::filesystem::exists(path),
         "{} was not built; build it with: cmake --build {} --target {}", path.string(),
         path.parent_path().parent_path().string(), name);
  return path;
}

std::string source_folder() {
  return CULVERT_SOURCE_FOLDER;
}

}  // namespace culvert::lab
