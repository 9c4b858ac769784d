// Starting and ending programs.
// SPDX-License-Identifier: Apache-2.0
#include "tests/support/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "tests/support/lab_error.h"
#include "ztunnel/lib/base/fd.h"

namespace culvert::lab {

namespace {

bool programs_stay = false;

struct Files {
  int in;
  int out;
  int err;
};

// What can be opened is opened before the fork, so that a failure is an exception and not a dead
// child.
struct Target {
  Fd netns;
  Fd cgroup;
};

pid_t spawn(const Place& place, const Command& command, const Files& files);
[[noreturn]] void become(const Target& target, std::vector<char*>& argv, const Files& files);
Fd open_or_throw(const std::string& path, int flags);
Fd memory_file(std::string_view content);
std::string content_of(int fd);
int exit_code_of(int status);

}  // namespace

void outlive_us(bool stay) {
  programs_stay = stay;
}

Outcome run(const Place& place, const Command& command, Milliseconds limit,
            std::string_view input) {
  const Fd in = memory_file(input);
  const Fd out = memory_file({});
  const Fd err = memory_file({});
  const pid_t pid = spawn(place, command, {in.get(), out.get(), err.get()});
  const Fd handle(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  pollfd ended{handle.get(), POLLIN, 0};
  Outcome outcome;
  outcome.timed_out = ::poll(&ended, 1, static_cast<int>(limit.count())) == 0;
  if (outcome.timed_out) {
    ::kill(pid, SIGKILL);
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  outcome.exit_code = exit_code_of(status);
  outcome.out = content_of(out.get());
  outcome.err = content_of(err.get());
  return outcome;
}

std::string must_run(const Place& place, const Command& command, Milliseconds limit,
                     std::string_view input) {
  const Outcome outcome = run(place, command, limit, input);
  if (!outcome.ok()) {
    std::string line;
    for (const std::string& word : command) {
      line += word + ' ';
    }
    throw LabError(fmt::format("`{}`in netns '{}' {} {}: {}{}", line, place.netns,
                               outcome.timed_out ? "took too long; exit code" : "gave exit code",
                               outcome.exit_code, outcome.err, outcome.out));
  }
  return outcome.out;
}

Process Process::start(const Place& place, const Command& command, std::string log) {
  const Fd in = open_or_throw("/dev/null", O_RDONLY);
  const Fd out = open_or_throw(log, O_WRONLY | O_CREAT | O_APPEND);
  Process process;
  process.pid_ = spawn(place, command, {in.get(), out.get(), out.get()});
  process.log_ = std::move(log);
  return process;
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), code_(other.code_), log_(std::move(other.log_)) {}

Process& Process::operator=(Process&& other) noexcept {
  if (this != &other) {
    kill();
    pid_ = std::exchange(other.pid_, -1);
    code_ = other.code_;
    log_ = std::move(other.log_);
  }
  return *this;
}

std::string Process::log() const {
  return read_file(log_);
}

bool Process::alive() {
  return pid_ > 0 && !reap(WNOHANG);
}

void Process::send(int signal) const {
  expect(pid_ > 0, "no program is running that signal {} could be sent to", signal);
  ::kill(pid_, signal);
}

std::optional<int> Process::wait(Milliseconds limit) {
  eventually(limit, [&] { return !alive(); });
  return code_;
}

void Process::kill() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    reap(0);
  }
}

// Whether the program has ended; from then on there is no pid to mistake.
bool Process::reap(int options) {
  int status = 0;
  pid_t ended = 0;
  do {
    ended = ::waitpid(pid_, &status, options);
  } while (ended < 0 && errno == EINTR);
  if (ended == 0) {
    return false;
  }
  pid_ = -1;
  code_ = exit_code_of(status);
  return true;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void write_file(const std::string& path, std::string_view text) {
  const std::string neighbour = path + ".new";
  {
    std::ofstream file(neighbour, std::ios::binary | std::ios::trunc);
    file << text;
    expect(file.good(), "{} could not be written: {}", neighbour, std::strerror(errno));
  }
  expect(::rename(neighbour.c_str(), path.c_str()) == 0, "{} could not be renamed to {}: {}",
         neighbour, path, std::strerror(errno));
}

namespace {

pid_t spawn(const Place& place, const Command& command, const Files& files) {
  Target target;
  if (!place.netns.empty()) {
    target.netns = open_or_throw("/run/netns/" + place.netns, O_RDONLY);
  }
  if (!place.cgroup.empty()) {
    target.cgroup = open_or_throw(place.cgroup + "/cgroup.procs", O_WRONLY);
  }
  std::vector<char*> argv;
  for (const std::string& word : command) {
    argv.push_back(const_cast<char*>(word.c_str()));
  }
  argv.push_back(nullptr);
  const pid_t pid = ::fork();
  expect(pid >= 0, "fork for {}: {}", command.front(), std::strerror(errno));
  if (pid == 0) {
    become(target, argv, files);
  }
  return pid;
}

// The child: whatever fails here ends it with 127 and one line on its standard error.
void become(const Target& target, std::vector<char*>& argv, const Files& files) {
  if (!programs_stay) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  }
  ::setsid();
  ::dup2(files.in, 0);
  ::dup2(files.out, 1);
  ::dup2(files.err, 2);
  const char* step = nullptr;
  if (target.cgroup && ::write(target.cgroup.get(), "0", 1) != 1) {
    step = "entering the cgroup";
  } else if (target.netns && ::setns(target.netns.get(), CLONE_NEWNET) != 0) {
    step = "entering the network namespace";
  } else {
    ::execvp(argv[0], argv.data());
    step = "starting the program";
  }
  ::dprintf(2, "%s: %s: %s\n", argv[0], step, std::strerror(errno));
  ::_exit(127);
}

Fd open_or_throw(const std::string& path, int flags) {
  Fd fd(::open(path.c_str(), flags | O_CLOEXEC, 0600));
  expect(static_cast<bool>(fd), "{}: {}", path, std::strerror(errno));
  return fd;
}

Fd memory_file(std::string_view content) {
  Fd fd(::memfd_create("lab", MFD_CLOEXEC));
  expect(static_cast<bool>(fd), "memfd_create: {}", std::strerror(errno));
  expect(::write(fd.get(), content.data(), content.size()) == static_cast<ssize_t>(content.size()),
         "the input for a program could not be written");
  ::lseek(fd.get(), 0, SEEK_SET);
  return fd;
}

std::string content_of(int fd) {
  std::string text(static_cast<std::size_t>(::lseek(fd, 0, SEEK_END)), '\0');
  const ssize_t got = ::pread(fd, text.data(), text.size(), 0);
  text.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  return text;
}

int exit_code_of(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

}  // namespace culvert::lab
