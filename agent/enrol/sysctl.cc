// SPDX-License-Identifier: Apache-2.0
#include "agent/enrol/sysctl.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "ztunnel/lib/base/fd.h"

namespace culvert::enrol {

namespace {

Result<Fd> open_sysctl(const std::string& file, int flags) {
  Fd fd(::open(file.c_str(), flags | O_CLOEXEC));
  if (!fd) {
    const int error = errno;
    const char* hint = error == EROFS ? " (mount /proc/sys writable for the agent)" : "";
    return fail_errno(error, fmt::format("open {}{}", file, hint));
  }
  return fd;
}

Result<> write_digit(const std::string& file, char digit) {
  TRY(const auto fd, open_sysctl(file, O_WRONLY));
  if (::write(fd.get(), &digit, 1) != 1) {
    return fail_errno(errno, fmt::format("write {} to {}", digit, file));
  }
  return {};
}

}  // namespace

Result<bool> switch_sysctl_on(const char* path) {
  const auto file = fmt::format("/proc/sys/{}", path);
  char before = 0;
  {
    TRY(const auto fd, open_sysctl(file, O_RDONLY));
    if (::read(fd.get(), &before, 1) != 1) {
      return fail_errno(errno, fmt::format("read {}", file));
    }
  }
  if (before == '1') {
    return false;
  }
  TRY_VOID(write_digit(file, '1'));
  return true;
}

Result<> switch_sysctl_off(const char* path) {
  auto result = write_digit(fmt::format("/proc/sys/{}", path), '0');
  if (!result && result.error().sys == ENOENT) {
    return {};
  }
  return result;
}

}  // namespace culvert::enrol
