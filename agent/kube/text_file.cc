// SPDX-License-Identifier: Apache-2.0
#include "agent/kube/text_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "ztunnel/lib/base/fd.h"

namespace culvert::kube {

Result<std::string> read_text(const std::string& path, std::size_t bytes_max) {
  const auto fail_here = [&](int errno_value) {
    Error error = from_errno(errno_value, "read " + path);
    error.code = Errc::config;
    return fail(std::move(error));
  };
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) {
    return fail_here(errno);
  }
  std::string text(bytes_max + 1, '\0');
  std::size_t have = 0;
  while (have < text.size()) {
    const ssize_t got = ::read(file.get(), text.data() + have, text.size() - have);
    if (got < 0) {
      return fail_here(errno);
    }
    if (got == 0) {
      text.resize(have);
      return text;
    }
    have += static_cast<std::size_t>(got);
  }
  return fail(Errc::config, path + " is larger than " + std::to_string(bytes_max) + " bytes");
}

}  // namespace culvert::kube
