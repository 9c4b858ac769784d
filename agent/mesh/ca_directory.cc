// SPDX-License-Identifier: Apache-2.0
#include "agent/mesh/ca_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <optional>

#include "ztunnel/lib/base/fd.h"

namespace culvert::mesh {

namespace {

using Time = std::chrono::system_clock::time_point;

// A key or a certificate is a few hundred bytes.
constexpr std::size_t kFileBytesMax = 64 * 1024;

struct Paths {
  std::string root, key, lock;
};

// Nothing if there is no key yet.
Result<std::optional<tls::CertificateAuthority>> load(const Paths& paths, Time now);
Result<tls::CertificateAuthority> make(const Paths& paths, std::string_view organization, Time now);
Result<> check_private(const Fd& file, const std::string& path);
Result<std::string> read(const Fd& file, const std::string& path);
// Writes aside, to the disk, and renames.
Result<> replace(const std::string& path, const std::string& text, mode_t mode);

}  // namespace

Result<tls::CertificateAuthority> open_authority(const std::string& directory,
                                                 std::string_view organization, Time now) {
  std::error_code error;
  if (!std::filesystem::exists(directory, error)) {
    std::filesystem::create_directories(directory, error);
    if (!error) {
      std::filesystem::permissions(directory, std::filesystem::perms::owner_all, error);
    }
    if (error) {
      return fail(Errc::io,
                  fmt::format("make the CA directory {}: {}", directory, error.message()));
    }
  }
  const Paths paths{
      .root = directory + "/root.pem", .key = directory + "/key.pem", .lock = directory + "/lock"};
  TRY(auto loaded, load(paths, now));
  if (loaded) {
    return std::move(*loaded);
  }
  const Fd lock(::open(paths.lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock || ::flock(lock.get(), LOCK_EX) != 0) {
    return fail_errno(errno, fmt::format("lock {}", paths.lock));
  }
  TRY(auto others, load(paths, now));
  if (others) {
    return std::move(*others);  // another agent was first
  }
  return make(paths, organization, now);
}

namespace {

Result<std::optional<tls::CertificateAuthority>> load(const Paths& paths, Time now) {
  const Fd key_file(::open(paths.key.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!key_file) {
    if (errno == ENOENT) {
      return std::optional<tls::CertificateAuthority>();
    }
    return fail_errno(errno, fmt::format("open the CA's key {}", paths.key));
  }
  TRY_VOID(check_private(key_file, paths.key));
  const Fd root_file(::open(paths.root.c_str(), O_RDONLY | O_CLOEXEC));
  if (!root_file) {
    return fail_errno(errno, fmt::format("open the CA's root {}", paths.root));
  }
  TRY(const auto root, read(root_file, paths.root));
  TRY(const auto key, read(key_file, paths.key));
  auto authority = tls::CertificateAuthority::load(root, key);
  if (!authority) {
    return fail(Errc::config,
                fmt::format("{} and {} can't be used ({}): restore them, or remove both to start "
                            "with a new root",
                            paths.root, paths.key, to_string(authority.error())));
  }
  if (authority->not_after() <= now) {
    return fail(Errc::config,
                fmt::format("the root {} has expired: remove it and {} to start with a new one",
                            paths.root, paths.key));
  }
  return std::optional<tls::CertificateAuthority>(std::move(*authority));
}

Result<tls::CertificateAuthority> make(const Paths& paths, std::string_view organization,
                                       Time now) {
  TRY(auto authority, tls::CertificateAuthority::create(organization, now));
  // The key comes last: whoever sees it finds its root as well.
  TRY_VOID(replace(paths.root, authority.root_pem(), 0644));
  TRY_VOID(replace(paths.key, authority.key_pem(), 0600));
  return authority;
}

Result<> check_private(const Fd& file, const std::string& path) {
  struct stat node{};
  if (::fstat(file.get(), &node) != 0) {
    return fail_errno(errno, fmt::format("look at {}", path));
  }
  const mode_t mode = node.st_mode & 0777;
  if ((mode & 077) != 0) {
    return fail(Errc::config,
                fmt::format("the CA's key {} can be read by others (mode {:04o}): if nobody has, "
                            "set it to 0600, else remove it and its root to start with a new one",
                            path, mode));
  }
  if (node.st_uid != ::geteuid()) {
    return fail(Errc::config, fmt::format("the CA's key {} belongs to user {}: it must belong to "
                                          "user {}, who runs the agent",
                                          path, node.st_uid, ::geteuid()));
  }
  return {};
}

Result<std::string> read(const Fd& file, const std::string& path) {
  std::string text;
  std::array<char, 4096> part;
  for (;;) {
    const ssize_t got = ::read(file.get(), part.data(), part.size());
    if (got < 0) {
      return fail_errno(errno, fmt::format("read {}", path));
    }
    if (got == 0) {
      return text;
    }
    text.append(part.data(), static_cast<std::size_t>(got));
    if (text.size() > kFileBytesMax) {
      return fail(Errc::config, fmt::format("{} is larger than {} bytes: it is no PEM file of ours",
                                            path, kFileBytesMax));
    }
  }
}

Result<> replace(const std::string& path, const std::string& text, mode_t mode) {
  const std::string aside = path + ".new";
  ::unlink(aside.c_str());  // of one who died here; we hold the lock
  const Fd file(::open(aside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!file) {
    return fail_errno(errno, fmt::format("make {}", aside));
  }
  const ssize_t wrote = ::write(file.get(), text.data(), text.size());
  if (wrote >= 0 && static_cast<std::size_t>(wrote) < text.size()) {
    errno = ENOSPC;  // a regular file takes less than all only when it is the last that fits
  }
  if (wrote != static_cast<ssize_t>(text.size()) || ::fsync(file.get()) != 0) {
    const int error = errno;
    ::unlink(aside.c_str());
    return fail_errno(error, fmt::format("write {}", aside));
  }
  if (std::rename(aside.c_str(), path.c_str()) != 0) {
    return fail_errno(errno, fmt::format("rename {} to {}", aside, path));
  }
  return {};
}

}  // namespace

}  // namespace culvert::mesh
