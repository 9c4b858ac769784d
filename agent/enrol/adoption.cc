// Enrolment over all pods: what an earlier agent left, what the kernel holds, and the views.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "agent/enrol/enrolment.h"
#include "ztunnel/lib/obs/log.h"

namespace culvert::enrol {

namespace {

constexpr std::string_view kScope = "enrol";

}  // namespace

std::vector<std::string> Enrolment::adopt() {
  adopted_ = true;
  std::vector<std::string> problems;
  auto records = read_records(options_.records_path);
  if (!records) {
    problems.push_back(to_string(records.error()));
    return problems;  // who is who is unknown: everything stays as it is
  }
  auto held = kernel_.held();
  if (!held) {
    problems.push_back(to_string(held.error()));
    return problems;
  }
  for (const auto& state : *held) {
    const auto record = std::ranges::find(*records, state.key.netns_cookie, &Record::netns_cookie);
    if (state.netns_inode == 0 || record == records->end() || !is_wanted(record->pod.uid)) {
      discard(state);
      continue;
    }
    if (auto adopted = adopt_pod(*record, state); !adopted) {
      unreachable_.push_back(
          {*record, fmt::format("pod {}/{} stays captured by what an earlier agent put in: {}",
                                record->pod.ns, record->pod.name, to_string(adopted.error()))});
      obs::log(obs::Level::error, kScope, unreachable_.back().problem);
    }
  }
  if (auto written = write_down(nullptr); !written) {
    problems.push_back(to_string(written.error()));
  }
  if (!pods_.empty()) {
    options_.changed();
  }
  return problems;
}

// adopt_pod puts fresh listeners into the slots: those of the earlier agent died with it, unless a
// ztunnel still has them, which then serves out their queues. No announcement: each ztunnel that
// connects is told of all pods.
Result<> Enrolment::adopt_pod(const Record& record, const datapath::PodState& state) {
  Pod pod{.spec = record.pod,
          .cookie = state.key.netns_cookie,
          .inode = state.netns_inode,
          .fds = nullptr,
          .step = Step::captured};
  if (const auto wanted = wanted_.find(record.pod.uid); wanted != wanted_.end()) {
    pod.spec = wanted->second;
  }
  auto fds = std::make_shared<PodFds>();
  TRY(fds->netns, kernel_.find_netns(pod.inode, pod.cookie));
  const int netns = fds->netns.get();
  // An address that is tentative right now is no reason to change what works.
  pod.spec.ips = kernel_.addresses(netns).value_or(state.key.ips);
  TRY_VOID(kernel_.set_up(netns, pod.spec.ips));
  TRY(fds->listeners, kernel_.listen(netns));
  TRY_VOID(
      kernel_.capture({.netns_cookie = pod.cookie, .ips = pod.spec.ips}, netns, fds->listeners));
  pod.fds = std::move(fds);
  obs::log(obs::Level::info, kScope, "pod adopted",
           {{"pod", pod.spec.name}, {"namespace", pod.spec.ns}, {"netns", pod.inode}});
  pods_[record.pod.uid] = std::move(pod);
  return {};
}

// discard un-enrols a pod of an earlier agent that nobody wants any more, or that is gone. Nothing
// is drained: a ztunnel that hears a snapshot without it lets go of it anyway.
void Enrolment::discard(const datapath::PodState& state) {
  const std::uint64_t cookie = state.key.netns_cookie;
  Result<> ended = kernel_.end_capture(cookie);
  if (Result<> detached = kernel_.end_steering(cookie); ended) {
    ended = std::move(detached);
  }
  if (state.netns_inode != 0) {
    if (const auto netns = kernel_.find_netns(state.netns_inode, cookie); netns && ended) {
      ended = kernel_.tear_down(netns->get());
    }
  }
  if (ended) {
    obs::log(obs::Level::info, kScope, "pod of an earlier agent un-enrolled",
             {{"netns", state.netns_inode}});
  } else {
    obs::log(obs::Level::error, kScope, "pod of an earlier agent could not be un-enrolled",
             {{"netns", state.netns_inode}, {"error", ended.error()}});
  }
}

void Enrolment::compare() {
  if (const auto lost = kernel_.reattach(); lost.value_or(true)) {
    obs::log(obs::Level::error, kScope,
             "somebody detached the capture programs: new connections passed in plaintext",
             {{"outcome", lost ? "attached again" : to_string(lost.error())}});
  }
  const auto held = kernel_.held();
  if (!held) {
    obs::log(obs::Level::error, kScope, "the kernel's pods can't be listed",
             {{"error", held.error()}});
    return;
  }
  compare_unreachable(*held);
  for (auto& [uid, pod] : pods_) {
    if (pod.step != Step::captured || busy_.contains(uid)) {
      continue;
    }
    if (is_held_whole(*held, pod.cookie)) {
      continue;
    }
    auto repaired = kernel_.set_up(pod.fds->netns.get(), pod.spec.ips);
    if (repaired) {
      repaired = kernel_.capture({.netns_cookie = pod.cookie, .ips = pod.spec.ips},
                                 pod.fds->netns.get(), pod.fds->listeners);
    }
    obs::log(obs::Level::error, kScope, "the kernel had lost a pod",
             {{"pod", pod.spec.name},
              {"namespace", pod.spec.ns},
              {"outcome", repaired ? "captured again" : to_string(repaired.error())}});
  }
  enrol_running();
}

// enrol_running takes in the pods that run and that nobody reported: they were there before the
// mesh, got their label later, or the report was lost. One without an address has no sandbox yet
// and will be reported.
void Enrolment::enrol_running() {
  std::erase_if(failed_, [&](const auto& failure) { return !wanted_.contains(failure.first); });
  std::set<std::string> missing;
  for (const auto& [uid, pod] : wanted_) {
    const bool unreachable = std::ranges::any_of(
        unreachable_, [&](const Unreachable& other) { return other.record.pod.uid == uid; });
    if (!pod.ips.empty() && !pods_.contains(uid) && !busy_.contains(uid) && !seen_.contains(uid) &&
        !unreachable) {
      missing.insert(uid);
    }
  }
  if (!adopted_ || missing.empty()) {
    return;
  }
  for (auto& [uid, netns] : kernel_.find_running(missing)) {
    const auto& pod = wanted_.at(uid);
    background_.spawn(
        add_running({.uid = uid, .ns = pod.ns, .name = pod.name, .netns = std::move(netns)}));
  }
}

io::Task<> Enrolment::add_running(EnrolRequest request) {
  const std::string uid = request.uid;
  auto added = co_await as_result(add(std::move(request)));
  if (added) {
    failed_.erase(uid);
    co_return;
  }
  if (added.error().code == Errc::cancelled) {
    co_return;  // the agent ends
  }
  const std::string problem = to_string(added.error());
  if (auto& told = failed_[uid]; told != problem) {
    told = problem;
    obs::log(obs::Level::error, kScope, "a running pod could not be enrolled; it is tried again",
             {{"uid", uid}, {"error", problem}});
  }
}

std::vector<std::string> Enrolment::problems() const {
  std::vector<std::string> problems;
  for (const auto& pod : unreachable_) {
    problems.push_back(pod.problem);
  }
  for (const auto& [uid, sentence] : failed_) {
    problems.push_back(sentence);
  }
  return problems;
}

std::vector<std::string> Enrolment::shortfalls() const {
  const auto held = kernel_.held();
  if (!held) {
    return {"the kernel's pods can't be listed: " + to_string(held.error())};
  }
  std::vector<std::string> shortfalls;
  for (const auto& [uid, wanted] : wanted_) {
    const auto pod = pods_.find(uid);
    const bool is_on_its_way = busy_.contains(uid) || wanted.ips.empty();
    if (is_on_its_way || (pod != pods_.end() && is_held_whole(*held, pod->second.cookie))) {
      continue;
    }
    shortfalls.push_back(fmt::format(
        "pod {}/{} ({}) should be captured and is {}", wanted.ns, wanted.name, uid,
        pod == pods_.end() ? "not: no CNI call has reported it, and none of its processes is found"
                           : "not wholly: the agent puts back what the kernel has lost"));
  }
  return shortfalls;
}

void Enrolment::compare_unreachable(const std::vector<datapath::PodState>& held) {
  const auto settled = [&](const Unreachable& pod) {
    const Record& record = pod.record;
    const auto state = std::ranges::find_if(held, [&](const auto& held_pod) {
      return held_pod.key.netns_cookie == record.netns_cookie;
    });
    if (state == held.end()) {
      return true;
    }
    if (state->netns_inode == 0 || !is_wanted(record.pod.uid)) {
      discard(*state);
      return true;
    }
    if (!adopt_pod(record, *state)) {
      return false;
    }
    background_.spawn(announce(record.pod.uid));
    return true;
  };
  if (std::erase_if(unreachable_, settled) > 0) {
    (void)write_down(nullptr);  // a record too many harms nobody
    options_.changed();
  }
}

io::Task<> Enrolment::announce(std::string uid) {
  const auto found = pods_.find(uid);
  if (found == pods_.end()) {
    co_return;
  }
  auto served = co_await as_result(announcer_.announce(announcement(found->second)));
  if (!served && served.error().code != Errc::cancelled) {
    obs::log(obs::Level::warn, kScope,
             "an adopted pod was not announced; the next ztunnel hears of it",
             {{"uid", uid}, {"error", served.error()}});
  }
}

io::Task<> Enrolment::stop() {
  background_.cancel();
  co_await background_.join();
}

Result<> Enrolment::write_down(const Pod* also) const {
  std::vector<Record> records;
  for (const auto& pod : unreachable_) {
    records.push_back(pod.record);
  }
  for (const auto& [uid, pod] : pods_) {
    if (pod.step >= Step::captured || &pod == also) {
      records.push_back({.netns_cookie = pod.cookie, .pod = pod.spec});
    }
  }
  return write_records(options_.records_path, records);
}

AnnouncedPod Enrolment::announcement(const Pod& pod) {
  return {.add = {.uid = pod.spec.uid,
                  .workload = {.name = pod.spec.name,
                               .ns = pod.spec.ns,
                               .service_account = pod.spec.service_account}},
          .fds = pod.fds};
}

std::vector<AnnouncedPod> Enrolment::announced() const {
  std::vector<AnnouncedPod> announced;
  for (const auto& [uid, pod] : pods_) {
    if (pod.step >= Step::announced) {
      announced.push_back(announcement(pod));
    }
  }
  return announced;
}

std::set<std::string> Enrolment::captured_uids() const {
  std::set<std::string> uids;
  for (const auto& [uid, pod] : pods_) {
    if (pod.step == Step::captured) {
      uids.insert(uid);
    }
  }
  for (const auto& pod : unreachable_) {
    uids.insert(pod.record.pod.uid);
  }
  return uids;
}

std::set<std::string> Enrolment::awaited_uids() const {
  std::set<std::string> uids;
  for (const auto& [uid, wanted] : wanted_) {
    const auto pod = pods_.find(uid);
    if (pod == pods_.end() || !pod->second.withdrawn) {
      uids.insert(uid);
    }
  }
  return uids;
}

bool Enrolment::has_identity(const SpiffeId& id) const {
  const auto is_it = [&](const auto& entry) { return entry.second.identity() == id; };
  const auto has_it = [&](const auto& entry) { return entry.second.spec.identity() == id; };
  return std::ranges::any_of(wanted_, is_it) || std::ranges::any_of(pods_, has_it);
}

std::vector<PodView> Enrolment::pods() const {
  static constexpr std::string_view kStates[] = {"seen", "seen", "enrolled", "captured",
                                                 "draining"};
  std::vector<PodView> views;
  views.reserve(pods_.size());
  for (const auto& [uid, pod] : pods_) {
    views.push_back({.pod = pod.spec,
                     .netns_inode = pod.inode,
                     .state = kStates[static_cast<std::size_t>(pod.step)]});
  }
  return views;
}

}  // namespace culvert::enrol
