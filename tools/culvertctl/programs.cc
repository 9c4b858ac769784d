// SPDX-License-Identifier: Apache-2.0
#include "tools/culvertctl/programs.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <system_error>

#include "ztunnel/lib/base/fd.h"

extern char** environ;

namespace culvert::ctl {
namespace {

// What a shell takes as it stands.
constexpr std::string_view kPlain =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-=./:,@%+";

std::string quoted(const std::string& word) {
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) {
    return word;
  }
  std::string out = "'";
  for (const char c : word) {
    out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  }
  return out + "'";
}

Result<pid_t> start(const Command& command, posix_spawn_file_actions_t* actions) {
  std::vector<char*> argv;
  for (const auto& word : command) {
    argv.push_back(const_cast<char*>(word.c_str()));  // execve(2) does not write to them
  }
  argv.push_back(nullptr);
  pid_t pid = -1;
  if (const int error = ::posix_spawnp(&pid, argv[0], actions, nullptr, argv.data(), environ);
      error != 0) {
    return fail(Errc::config,
                fmt::format("{} can't be started ({}): install it, and put it on PATH", command[0],
                            std::generic_category().message(error)));
  }
  return pid;
}

int exit_code_of(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string read_all(int fd) {
  std::string text;
  std::array<char, 4096> buffer;
  for (;;) {
    const auto count = ::read(fd, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count <= 0) {
      return text;
    }
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

}  // namespace

Result<Ran> run_quietly(const Command& command) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    return fail_errno(errno, "make a pipe");
  }
  Fd reader(ends[0]);
  Fd writer(ends[1]);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, writer.get(), STDOUT_FILENO);
  ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  const auto pid = start(command, &actions);
  ::posix_spawn_file_actions_destroy(&actions);
  if (!pid) {
    return fail(pid.error());
  }
  writer.reset();  // or the end would never be read
  std::string out = read_all(reader.get());
  return Ran{.exit_code = exit_code_of(*pid), .out = std::move(out)};
}

Result<Ran> run_shown(const Command& command) {
  TRY(const auto pid, start(command, nullptr));
  return Ran{.exit_code = exit_code_of(pid), .out = {}};
}

std::string to_shell(const Command& command) {
  std::string text;
  for (const auto& word : command) {
    text += (text.empty() ? "" : " ") + quoted(word);
  }
  return text;
}

}  // namespace culvert::ctl
