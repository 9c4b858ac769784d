// The main of every doctest binary: runs the tests and fails when a test leaks descriptors.
// SPDX-License-Identifier: Apache-2.0
#define DOCTEST_CONFIG_IMPLEMENT
#include <dirent.h>

#include <doctest/doctest.h>
#include <cstdio>

#include "tests/support/listener.h"

namespace {

// Counts this process's open descriptors; the directory's own one is in both counts.
int open_descriptors() {
  int count = 0;
  if (DIR* dir = ::opendir("/proc/self/fd")) {
    while (::readdir(dir) != nullptr) {
      ++count;
    }
    ::closedir(dir);
  }
  return count;
}

struct DescriptorCheck : culvert::lab::Listener {
  explicit DescriptorCheck(const doctest::ContextOptions&) {}
  void test_case_start(const doctest::TestCaseData& test) override {
    name_ = test.m_name;
    before_ = open_descriptors();
  }
  void test_case_end(const doctest::CurrentTestCaseStats&) override {
    if (const int after = open_descriptors(); after != before_) {
      std::fprintf(stderr, "descriptor leak: %d open before \"%s\", %d after\n", before_, name_,
                   after);
      leaked = true;
    }
  }

  inline static bool leaked = false;

 private:
  const char* name_ = "";
  int before_ = 0;
};

REGISTER_LISTENER("descriptors", 1, DescriptorCheck);

}  // namespace

int main(int argc, char** argv) {
  doctest::Context context(argc, argv);
  const int result = context.run();
  return DescriptorCheck::leaked && result == 0 ? 1 : result;
}
