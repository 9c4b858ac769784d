// SPDX-License-Identifier: Apache-2.0
#include "agent/cni/files.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "ztunnel/lib/base/fd.h"

namespace culvert::cni {

namespace {

Result<> write_all(int fd, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t put = ::write(fd, text.data(), text.size());
    if (put < 0 && errno == EINTR) {
      continue;
    }
    if (put < 0) {
      return fail_errno(errno, "write " + path);
    }
    text.remove_prefix(static_cast<std::size_t>(put));
  }
  return {};
}

Result<> write_aside(const std::string& aside, std::string_view text, const FileOwner& owner) {
  const Fd file(::open(aside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file) {
    return fail_errno(errno, "open " + aside);
  }
  TRY_VOID(write_all(file.get(), text, aside));
  if (::fchown(file.get(), owner.uid, owner.gid) != 0 || ::fchmod(file.get(), owner.mode) != 0 ||
      ::fsync(file.get()) != 0) {
    return fail_errno(errno, "write " + aside);
  }
  return {};
}

// A rename is on the disk when its folder is.
void sync_folder(const std::string& path) {
  const Fd folder(::open(path.substr(0, path.find_last_of('/') + 1).c_str(),
                         O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder) {
    (void)::fsync(folder.get());  // what can't be synced is in place all the same
  }
}

}  // namespace

Result<std::string> read_file(const std::string& path, std::size_t bytes_max) {
  // Non-blocking: a pipe that somebody put there must not hold us.
  const Fd file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  struct stat status{};
  if (!file || ::fstat(file.get(), &status) != 0) {
    return fail_errno(errno, "read " + path);
  }
  if (!S_ISREG(status.st_mode)) {
    return fail(Errc::config, "read " + path + ": it is no file");
  }
  std::string text;
  std::array<char, 16384> part{};
  for (;;) {
    const ssize_t got = ::read(file.get(), part.data(), part.size());
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return fail_errno(errno, "read " + path);
    }
    if (got == 0) {
      return text;
    }
    text.append(part.data(), static_cast<std::size_t>(got));
    if (text.size() > bytes_max) {
      return fail(Errc::limit,
                  "read " + path + ": it is over " + std::to_string(bytes_max) + " bytes");
    }
  }
}

Result<> replace_file(const std::string& path, std::string_view text, const FileOwner& owner) {
  const std::string aside = path + kAsideSuffix;
  auto written = write_aside(aside, text, owner);
  if (written && std::rename(aside.c_str(), path.c_str()) != 0) {
    written = fail_errno(errno, "rename " + aside + " to " + path);
  }
  if (!written) {
    (void)::unlink(aside.c_str());
    return written;
  }
  sync_folder(path);
  return {};
}

}  // namespace culvert::cni
