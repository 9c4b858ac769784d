// The main of every doctest binary: runs the tests and fails when a test leaks descriptors.
// SPDX-License-Identifier: Apache-2.0
#define DOCTEST_CONFIG_IMPLEMENT
#include <dirent.h>

#include <doctest/doctest.h>
#include <cstdio>

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

struct DescriptorCheck : doctest::IReporter {
  explicit DescriptorCheck(const doctest::ContextOptions&) {}
  void report_query(const doctest::QueryData&) override {}
  void test_run_start() override {}
  void test_run_end(const doctest::TestRunStats&) override {}
  void test_case_start(const doctest::TestCaseData& test) override {
    name_ = test.m_name;
    before_ = open_descriptors();
  }
  void test_case_reenter(const doctest::TestCaseData&) override {}
  void test_case_end(const doctest::CurrentTestCaseStats&) override {
    if (const int after = open_descriptors(); after != before_) {
      std::fprintf(stderr, "descriptor leak: %d open before \"%s\", %d after\n", before_, name_,
                   after);
      leaked = true;
    }
  }
  void test_case_exception(const doctest::TestCaseException&) override {}
  void subcase_start(const doctest::SubcaseSignature&) override {}
  void subcase_end() override {}
  void log_assert(const doctest::AssertData&) override {}
  void log_message(const doctest::MessageData&) override {}
  void test_case_skipped(const doctest::TestCaseData&) override {}

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
