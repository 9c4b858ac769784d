// SPDX-License-Identifier: Apache-2.0
#include "tools/culvertctl/programs.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <sstream>
#include <string_view>
#include <system_error>

#include "tools/culvertctl/table.h"
#include "ztunnel/lib/base/fd.h"

extern char** environ;

namespace culvert::ctl {
namespace {

// A server that is away is said within this time, and not after kubectl's patience.
constexpr const char* kRequestTimeout = "--request-timeout=10s";

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

// A file in memory holds however much a program writes, and nobody has to read meanwhile.
Result<Fd> memory_file(std::string_view content = {}) {
  Fd file(::memfd_create("culvertctl", MFD_CLOEXEC));
  if (!file ||
      ::write(file.get(), content.data(), content.size()) != static_cast<ssize_t>(content.size())) {
    return fail_errno(errno, "make a file in memory");
  }
  ::lseek(file.get(), 0, SEEK_SET);
  return file;
}

std::string read_all(int fd) {
  ::lseek(fd, 0, SEEK_SET);
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

Result<Ran> run_quietly(const Command& command, std::string_view input) {
  TRY(const Fd in, memory_file(input));
  TRY(const Fd out, memory_file());
  TRY(const Fd error, memory_file());
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  if (!input.empty()) {  // or it is ours: a credential plugin of kubectl may ask the person
    ::posix_spawn_file_actions_adddup2(&actions, in.get(), STDIN_FILENO);
  }
  ::posix_spawn_file_actions_adddup2(&actions, out.get(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, error.get(), STDERR_FILENO);
  const auto pid = start(command, &actions);
  ::posix_spawn_file_actions_destroy(&actions);
  if (!pid) {
    return fail(pid.error());
  }
  const int exit_code = exit_code_of(*pid);
  return Ran{.exit_code = exit_code, .out = read_all(out.get()), .error = read_all(error.get())};
}

Result<Ran> run_shown(const Command& command) {
  TRY(const auto pid, start(command, nullptr));
  return Ran{.exit_code = exit_code_of(pid), .out = {}, .error = {}};
}

Result<std::string> kubectl(Command arguments, std::string_view input) {
  arguments.insert(arguments.begin(), {"kubectl", kRequestTimeout});
  TRY(auto ran, run_quietly(arguments, input));
  if (ran.exit_code != 0) {
    return fail(Errc::unavailable, "kubectl says: " + first_line(ran.error));
  }
  return std::move(ran.out);
}

std::string first_line(const std::string& text) {
  return printable(text.substr(0, text.find('\n')));
}

bool is_there(const std::string& program) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (::access((folder + "/" + program).c_str(), X_OK) == 0) {
      return true;
    }
  }
  return false;
}

std::string to_shell(const Command& command) {
  std::string text;
  for (const auto& word : command) {
    text += (text.empty() ? "" : " ") + quoted(word);
  }
  return text;
}

}  // namespace culvert::ctl
