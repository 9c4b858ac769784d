// SPDX-License-Identifier: Apache-2.0
#include "agent/cluster/redirection.h"

#include <ranges>

#include "ztunnel/lib/io/timeout.h"
#include "ztunnel/lib/obs/log.h"

namespace culvert::cluster {

void Redirection::set(const std::vector<MarkedPod>& pods, bool others_leave) {
  others_leave_ = others_leave;
  std::map<std::string, Pod> fresh;
  for (const auto& [spec, marked, wanted] : pods) {
    Pod pod{.spec = spec, .shown = marked, .marked = marked, .wanted = wanted};
    const auto known = pods_.find(spec.uid);
    if (known != pods_.end() && known->second.shown == marked &&
        loop_.now() - known->second.written < kWriteTrusted) {
      pod.marked = known->second.marked;  // the source shows nothing new: our write counts
      pod.written = known->second.written;
    }
    fresh.emplace(spec.uid, std::move(pod));
  }
  pods_ = std::move(fresh);
  changed_.notify_all();
}

io::Task<> Redirection::run() {
  for (;;) {
    const auto differs = [](const auto& pod) { return pod.second.marked != pod.second.wanted; };
    std::vector<mesh::LocalPod> differing;
    for (const auto& pod : pods_ | std::views::filter(differs)) {
      differing.push_back(pod.second.spec);
    }
    if (differing.empty()) {
      co_await changed_.wait();
      continue;
    }
    bool failed = false;
    for (const auto& pod : differing) {
      failed |= !co_await write(pod);
    }
    if (failed) {
      co_await loop_.sleep(kWriteAgain);
    }
  }
}

// write gives false where it must be tried again.
io::Task<bool> Redirection::write(mesh::LocalPod pod) {
  const auto before = pods_.find(pod.uid);
  if (before == pods_.end() || before->second.marked == before->second.wanted) {
    co_return true;  // meanwhile
  }
  const bool enabled = before->second.wanted;
  auto written = co_await as_result(writer_.set_redirection(pod, enabled));
  if (!written && written.error().code == Errc::cancelled) {
    co_await std::move(written);
  }
  if (!written) {
    obs::log(obs::Level::warn, "cluster", "a pod's annotation could not be written; again soon",
             {{"pod", pod.name}, {"namespace", pod.ns}, {"error", written.error()}});
    co_return false;
  }
  if (const auto after = pods_.find(pod.uid); after != pods_.end()) {
    after->second.marked = enabled;
    after->second.written = loop_.now();
  }
  written_.notify_all();
  co_return true;
}

io::Task<> Redirection::mark(mesh::LocalPod pod) {
  (void)co_await tell(pod, true, kMarkWithin,
                      "a pod starts while others may not take it for a part of the mesh yet");
}

io::Task<> Redirection::withdraw(mesh::LocalPod pod) {
  if (!co_await tell(pod, false, kWithdrawWithin,
                     "a pod leaves the mesh while others may still take it for a part of it")) {
    co_return;
  }
  co_await in_time(kTogetherWithin, "wait for the pods of other nodes", until_others_left(),
                   "a pod leaves the mesh while pods of other nodes still say that they are in it",
                   pod);
  co_await loop_.sleep(kSpreadTime);
}

io::Task<bool> Redirection::tell(const mesh::LocalPod& pod, bool marked, io::Duration within,
                                 const char* warning) {
  const auto found = pods_.find(pod.uid);
  if (found == pods_.end()) {
    co_return false;  // the pod is gone, and nobody connects to it
  }
  found->second.wanted = marked;
  changed_.notify_all();
  co_return co_await in_time(within, "write the annotation", until_marked(pod.uid, marked), warning,
                             pod);
}

io::Task<bool> Redirection::in_time(io::Duration within, const char* what, io::Task<> wanted,
                                    const char* warning, const mesh::LocalPod& pod) {
  auto ended = co_await as_result(with_timeout(loop_, within, what, std::move(wanted)));
  if (!ended && ended.error().code == Errc::cancelled) {
    co_await std::move(ended);
  }
  if (!ended) {
    obs::log(obs::Level::warn, "cluster", warning,
             {{"pod", pod.name}, {"namespace", pod.ns}, {"error", ended.error()}});
  }
  co_return ended.has_value();
}

io::Task<> Redirection::until_marked(std::string uid, bool marked) {
  for (;;) {
    const auto pod = pods_.find(uid);
    if (pod == pods_.end() || pod->second.marked == marked) {
      co_return;
    }
    co_await written_.wait();
  }
}

io::Task<> Redirection::until_others_left() {
  while (others_leave_) {
    co_await changed_.wait();
  }
}

}  // namespace culvert::cluster
