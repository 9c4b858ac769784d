// SPDX-License-Identifier: Apache-2.0
#include "agent/cluster/warnings.h"

#include <utility>

#include "ztunnel/lib/obs/log.h"

namespace culvert::cluster {

void Warnings::warn(const mesh::LocalPod& pod, const std::string& sentence) {
  if (waiting_.size() >= kWarningsMax) {
    return;
  }
  const auto [told, is_new] = told_.emplace(Key{pod.uid, sentence}, loop_.now());
  if (!is_new && loop_.now() - told->second < kWarnAgain) {
    return;
  }
  told->second = loop_.now();
  waiting_.push_back({pod, sentence});
  added_.notify_all();
}

io::Task<> Warnings::run() {
  for (;;) {
    while (waiting_.empty()) {
      co_await added_.wait();
    }
    // Here, where it is done once for each Event that is written, and not for each failure.
    std::erase_if(told_, [&](const auto& told) { return loop_.now() - told.second >= kWarnAgain; });
    const auto [pod, sentence] = std::move(waiting_.front());
    waiting_.pop_front();
    auto posted = co_await as_result(writer_.post_warning(pod, sentence));
    if (!posted && posted.error().code == Errc::cancelled) {
      co_await std::move(posted);
    }
    if (!posted) {
      told_.erase({pod.uid, sentence});
      obs::log(obs::Level::warn, "cluster", "an Event could not be written",
               {{"pod", pod.name}, {"namespace", pod.ns}, {"error", posted.error()}});
    }
    co_await loop_.sleep(kWarnPause);
  }
}

}  // namespace culvert::cluster
