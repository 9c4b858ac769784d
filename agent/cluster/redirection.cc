// SPDX-License-Identifier: Apache-2.0
#include "agent/cluster/redirection.h"

#include <ranges>

#include "ztunnel/lib/io/timeout.h"
#include "ztunnel/lib/obs/log.h"

namespace culvert::cluster {

void Redirection::set(const std::vector<MarkedPod>& pods) {
  std::map<std::string, Pod> fresh;
  for (const auto& [spec, marked, captured] : pods) {
    Pod pod{.spec = spec, .shown = marked, .marked = marked, .wanted = captured};
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

io::Task<> Redirection::withdraw(mesh::LocalPod pod) {
  const auto found = pods_.find(pod.uid);
  if (found == pods_.end()) {
    co_return;  // the pod is gone, and nobody connects to it
  }
  found->second.wanted = false;
  changed_.notify_all();
  auto gone = co_await as_result(
      with_timeout(loop_, kWithdrawWithin, "take the annotation away", until_unmarked(pod.uid)));
  if (!gone && gone.error().code == Errc::cancelled) {
    co_await std::move(gone);
  }
  if (!gone) {
    obs::log(obs::Level::warn, "cluster",
             "a pod leaves the mesh while others may still take it for a part of it",
             {{"pod", pod.name}, {"namespace", pod.ns}, {"error", gone.error()}});
    co_return;
  }
  co_await loop_.sleep(kSpreadTime);
}

io::Task<> Redirection::until_unmarked(std::string uid) {
  for (;;) {
    const auto pod = pods_.find(uid);
    if (pod == pods_.end() || !pod->second.marked) {
      co_return;
    }
    co_await written_.wait();
  }
}

}  // namespace culvert::cluster
