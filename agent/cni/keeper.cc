// SPDX-License-Identifier: Apache-2.0
#include "agent/cni/keeper.h"

#include <sys/inotify.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "agent/cni/conf_dir.h"
#include "ztunnel/lib/io/timeout.h"
#include "ztunnel/lib/obs/log.h"

namespace culvert::cni {

namespace {

constexpr std::string_view kScope = "cni";
constexpr std::uint32_t kWatched = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM |
                                   IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;

io::Task<> readable(io::Loop& loop, int fd) {
  co_await loop.readable(fd);
}

}  // namespace

Keeper::Keeper(io::Loop& loop, Options options)
    : loop_(loop),
      options_(std::move(options)),
      entry_(entry_of(options_.entry)),
      budget_(options_.repairs_in_a_row),
      next_(loop.now()) {}

io::Task<> Keeper::run() {
  if (options_.conf_dir.empty()) {
    co_return;
  }
  for (;;) {
    const auto watched = watch();
    watch_problem_ = watched ? "" : to_string(watched.error());
    keep_program();
    repair();
    co_await wait_for_change();
    co_await loop_.sleep(options_.settle_time);
    forget_events();
  }
}

// Watching a folder again is no second watch; a folder that was replaced has to be watched anew.
Result<> Keeper::watch() {
  if (!inotify_) {
    inotify_ = Fd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  }
  for (const auto& folder : {options_.conf_dir, options_.bin_dir}) {
    if (!folder.empty() &&
        ::inotify_add_watch(inotify_.get(), folder.c_str(), kWatched | IN_ONLYDIR) < 0) {
      return fail_errno(errno, "watch the CNI folder " + folder);
    }
  }
  return {};
}

void Keeper::forget_events() {
  std::array<char, 4096> events{};
  while (inotify_ && ::read(inotify_.get(), events.data(), events.size()) > 0) {
  }
}

io::Task<> Keeper::wait_for_change() {
  if (watch_problem_.empty() && !waits_ && program_problem_.empty()) {
    co_await loop_.readable(inotify_.get());
    co_return;
  }
  auto changed = inotify_ ? co_await as_result(io::with_timeout(loop_, options_.pause, "a change",
                                                                readable(loop_, inotify_.get())))
                          : co_await as_result(loop_.sleep(options_.pause));
  if (!changed && changed.error().code == Errc::cancelled) {
    co_await fail(changed.error());
  }
}

// pay_back lets the budget grow by one repair a pause, up to its full size.
void Keeper::pay_back() {
  while (budget_ < options_.repairs_in_a_row && next_ <= loop_.now()) {
    ++budget_;
    next_ += options_.pause;
  }
}

void Keeper::repair() {
  State state = look_at(options_.conf_dir, entry_);
  pay_back();
  if (!state.to_write.empty() && budget_ == 0) {
    state.problems.push_back(
        state.to_write.front() +
        ": another program takes culvert-cni out again and again, and new pods are not held until "
        "they are enrolled; find who writes the file (for Cilium set cni.exclusive=false)");
  } else if (!state.to_write.empty()) {
    if (budget_ == options_.repairs_in_a_row) {
      next_ = loop_.now() + options_.pause;
    }
    --budget_;
    state = put_in(options_.conf_dir, entry_);
    if (state.in_place) {
      obs::log(obs::Level::info, kScope,
               placed_ ? "culvert-cni was put back into the CNI configuration"
                       : "culvert-cni is in the CNI configuration",
               {{"file", state.primary}});
    }
  }
  placed_ = placed_ || state.in_place;
  waits_ = !state.to_write.empty();
  for (const auto& problem : state.problems) {
    if (std::ranges::find(problems_, problem) == problems_.end()) {
      obs::log(obs::Level::warn, kScope, problem);
    }
  }
  problems_ = std::move(state.problems);
}

void Keeper::keep_program() {
  if (options_.bin_dir.empty()) {
    return;
  }
  const auto kept = cni::keep_program(options_.program, options_.bin_dir);
  const std::string problem = kept ? "" : to_string(kept.error());
  if (kept && *kept) {
    obs::log(obs::Level::info, kScope, "culvert-cni was installed", {{"folder", options_.bin_dir}});
  }
  if (!problem.empty() && problem != program_problem_) {
    obs::log(obs::Level::error, kScope, problem);
  }
  program_problem_ = problem;
}

std::vector<std::string> Keeper::problems() const {
  std::vector<std::string> all = problems_;
  for (const auto& problem : {watch_problem_, program_problem_}) {
    if (!problem.empty()) {
      all.push_back(problem);
    }
  }
  return all;
}

}  // namespace culvert::cni
