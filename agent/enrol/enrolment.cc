// The life of one pod; what spans agents and all pods is in adoption.cc.
// SPDX-License-Identifier: Apache-2.0
#include "agent/enrol/enrolment.h"

#include <fmt/format.h>

#include <algorithm>

#include "ztunnel/lib/obs/log.h"

namespace culvert::enrol {

namespace {

constexpr std::string_view kScope = "enrol";

constexpr io::Duration kAddressPause = std::chrono::milliseconds(100);
constexpr io::Duration kDrainPause = std::chrono::milliseconds(200);
// 2048: as many as the node's pods; the label of more than that is not changed and changed back.
constexpr std::size_t kSeenMax = 2048;

std::string name_of(const mesh::LocalPod& pod) {
  return fmt::format("pod {}/{} ({})", pod.ns, pod.name, pod.uid);
}

}  // namespace

// Busy marks a pod as being worked on; made after begin().
class Enrolment::Busy {
 public:
  Busy(Enrolment& owner, std::string uid) : owner_(owner), uid_(std::move(uid)) {}
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;
  ~Busy() {
    owner_.busy_.erase(uid_);
    owner_.changed_.notify_all();
  }

 private:
  Enrolment& owner_;
  std::string uid_;
};

Enrolment::Enrolment(io::Loop& loop, NodeKernel& kernel, Announcer& announcer, PodNotices& notices,
                     Options options)
    : loop_(loop),
      kernel_(kernel),
      announcer_(announcer),
      notices_(notices),
      options_(std::move(options)),
      background_(loop, io::Scope::OnFailure::ignore) {}

io::Task<Place> Enrolment::add(EnrolRequest request) {
  // Phase 1: is it mine, and which netns is it.
  const std::uint64_t inode = co_await kernel_.inode(request.netns.get());
  const std::uint64_t cookie = co_await kernel_.cookie(request.netns.get());
  auto spec = co_await wait_until_known(request);
  if (!spec) {
    co_return Place::outside;
  }
  co_await begin(request.uid);
  const Busy busy(*this, request.uid);

  // Phase 2: the same pod again is success; in another netns (a new sandbox) the old life ends.
  if (const auto known = pods_.find(request.uid); known != pods_.end()) {
    if (known->second.cookie == cookie && known->second.step == Step::captured) {
      co_return Place::captured;
    }
    co_await leave(request.uid, false);
  }

  // Phase 3: the steps, or none of them.
  auto fds = std::make_shared<PodFds>();
  fds->netns = std::move(request.netns);
  Pod& pod = pods_[request.uid] = Pod{
      .spec = std::move(*spec), .cookie = cookie, .inode = inode, .fds = fds, .step = Step::seen};
  auto enrolled = co_await as_result(enrol(pod));
  if (!enrolled) {
    Error error = prefixed(name_of(pod.spec), std::move(enrolled).error());
    if (error.code != Errc::cancelled) {
      notices_.failed(pod.spec, to_string(error));
    }
    pods_.erase(request.uid);
    (void)write_down(nullptr);  // a record of a pod that the kernel does not hold harms nobody
    co_await fail(std::move(error));
  }
  seen_.erase(request.uid);
  failed_.erase(request.uid);
  std::erase_if(unreachable_,
                [&](const Unreachable& pod) { return pod.record.pod.uid == request.uid; });
  obs::log(obs::Level::info, kScope, "pod captured",
           {{"pod", pod.spec.name}, {"namespace", pod.spec.ns}, {"netns", inode}});
  options_.changed();
  // Its first process starts after this, and its address is told by others after that: nobody sees
  // the address without the mark, and talks to it in plaintext.
  co_await notices_.mark(pod.spec);
  co_return Place::captured;
}

Result<std::optional<mesh::LocalPod>> Enrolment::find(const EnrolRequest& request,
                                                      bool waited) const {
  if (const auto found = wanted_.find(request.uid); found != wanted_.end()) {
    const mesh::LocalPod& pod = found->second;
    if (pod.ns != request.ns || pod.name != request.name) {
      return fail(Errc::config, fmt::format("{} was reported as {}/{}: the uid belongs to another "
                                            "pod, report it again",
                                            name_of(pod), request.ns, request.name));
    }
    return pod;
  }
  if (complete_ && plain_.contains(request.uid)) {
    return std::nullopt;
  }
  if (waited && !rule_.holds_back(request.ns)) {
    return std::nullopt;
  }
  return fail(Errc::not_found,
              fmt::format("pod {}/{} ({}) is not known as a pod of node {} yet, and its namespace "
                          "may be in the mesh: it is asked for again; check that the agent hears "
                          "from its source, and the pod's spec.nodeName",
                          request.ns, request.name, request.uid, options_.node));
}

io::Task<std::optional<mesh::LocalPod>> Enrolment::wait_until_known(const EnrolRequest& request) {
  const io::TimePoint until = loop_.now() + options_.source_wait;
  for (;;) {
    const bool waited = loop_.now() >= until;
    auto found = find(request, waited);
    if (found || waited || found.error().code != Errc::not_found) {
      co_return co_await std::move(found);
    }
    co_await loop_.sleep(std::min<io::Duration>(kAddressPause, until - loop_.now()));
  }
}

io::Task<> Enrolment::begin(std::string uid) {
  while (busy_.contains(uid)) {
    co_await changed_.wait();
  }
  busy_.insert(std::move(uid));
}

io::Task<> Enrolment::enrol(Pod& pod) {
  auto done = co_await as_result(climb(pod));
  if (!done) {
    co_await undo(pod);
    co_await std::move(done);
  }
}

// climb leaves in pod.step how far it came. Capture comes last: an application that runs already
// keeps its connectivity until ztunnel serves it, and one that has not started yet can't tell.
io::Task<> Enrolment::climb(Pod& pod) {
  const int netns = pod.fds->netns.get();
  pod.spec.ips = co_await wait_for_addresses(netns);
  co_await kernel_.set_up(netns, pod.spec.ips);
  pod.step = Step::set_up;

  pod.fds->listeners = co_await kernel_.listen(netns);

  // From here on a ztunnel that connects is told of the pod too; hearing of it twice is harmless.
  pod.step = Step::announced;
  co_await announcer_.announce(announcement(pod));

  // Written down first: a captured pod that a restarted agent does not know would be released.
  co_await write_down(&pod);
  co_await kernel_.capture({.netns_cookie = pod.cookie, .ips = pod.spec.ips}, netns,
                           pod.fds->listeners);
  pod.step = Step::captured;
}

io::Task<std::vector<IpAddress>> Enrolment::wait_for_addresses(int netns) {
  const io::TimePoint until = loop_.now() + options_.address_wait;
  for (;;) {
    auto ips = kernel_.addresses(netns);
    if (ips || ips.error().code != Errc::unavailable || loop_.now() >= until) {
      co_return co_await std::move(ips);
    }
    co_await loop_.sleep(kAddressPause);
  }
}

// undo goes down the steps that climb went up. Each is tried, whatever became of the one before; a
// failure is logged, for there is no one to give it to who could do better.
io::Task<> Enrolment::undo(Pod& pod) {
  const auto tried = [&](std::string_view step, const Result<>& result) {
    if (!result) {
      obs::log(obs::Level::error, kScope, "a step of a pod could not be undone",
               {{"pod", pod.spec.name},
                {"namespace", pod.spec.ns},
                {"step", step},
                {"error", result.error()}});
    }
  };
  if (pod.step == Step::captured) {
    tried("capture", kernel_.end_capture(pod.cookie));
  }
  if (pod.step >= Step::captured) {
    tried("steering", kernel_.end_steering(pod.cookie));
  }
  if (pod.step >= Step::announced) {
    tried("announcement", co_await as_result(announcer_.withdraw(pod.spec.uid)));
  }
  const Step reached = pod.step;
  pod.step = Step::seen;
  if (reached >= Step::set_up) {
    tried("routes and rules", kernel_.tear_down(pod.fds->netns.get()));
  }
  // The listeners close with the last message that carries them.
}

io::Task<> Enrolment::remove(EnrolRequest request) {
  std::optional<std::uint64_t> sandbox;
  if (request.netns) {
    sandbox = co_await kernel_.cookie(request.netns.get());
  }
  const auto is_meant = [&](std::uint64_t cookie) { return !sandbox || *sandbox == cookie; };
  const std::string uid = request.uid;
  if (const auto found = pods_.find(uid); found != pods_.end() && is_meant(found->second.cookie)) {
    found->second.dead = true;  // who drains it meanwhile need not wait any longer
  }
  co_await begin(uid);
  const Busy busy(*this, uid);
  std::erase_if(
      seen_, [&](const auto& seen) { return seen.first == uid && is_meant(seen.second.cookie); });
  std::erase_if(unreachable_, [&](const Unreachable& pod) {
    const auto cookie = pod.record.netns_cookie;
    return pod.record.pod.uid == uid && is_meant(cookie) && kernel_.end_capture(cookie) &&
           kernel_.end_steering(cookie);
  });
  if (const auto found = pods_.find(uid); found != pods_.end() && is_meant(found->second.cookie)) {
    co_await leave(uid, false);
  }
}

io::Task<Place> Enrolment::check(EnrolRequest request) {
  const std::uint64_t cookie = co_await kernel_.cookie(request.netns.get());
  const auto spec = co_await find(request, true);
  if (!spec) {
    co_return Place::outside;
  }
  const auto held = co_await kernel_.held();
  if (!is_held_whole(held, cookie)) {
    co_await fail(Errc::unavailable,
                  fmt::format("{} should be captured and is not, or not wholly: the agent compares "
                              "it with the kernel now and then; its /errors may say more",
                              name_of(*spec)));
  }
  co_return Place::captured;
}

// leave un-enrols in the order of correction 8: first others hear that this pod takes no tunnels
// any more, then no new connection is captured, then those that are under way end or time out, and
// only then go program, ztunnel's listeners, routes and rules. A program that went earlier would
// refuse the SYNs under way, a rule that went earlier would reset its connections (experiment X15).
// The caller has begun.
io::Task<> Enrolment::leave(std::string uid, bool drain) {
  const auto found = pods_.find(uid);
  if (found == pods_.end()) {
    co_return;
  }
  Pod& pod = found->second;  // stays: only who has begun erases, and a map moves nothing
  if (pod.step == Step::captured) {
    pod.step = Step::draining;
    pod.withdrawn = drain;
    options_.changed();
    if (drain) {
      co_await notices_.withdraw(pod.spec);
    }
    if (auto ended = kernel_.end_capture(pod.cookie); !ended) {
      obs::log(obs::Level::error, kScope, "a pod's capture did not end",
               {{"pod", pod.spec.name}, {"namespace", pod.spec.ns}, {"error", ended.error()}});
    }
    if (drain) {
      co_await drained(pod);
    }
  }
  co_await undo(pod);
  obs::log(obs::Level::info, kScope, "pod un-enrolled",
           {{"pod", pod.spec.name}, {"namespace", pod.spec.ns}, {"netns", pod.inode}});
  pods_.erase(uid);
  (void)write_down(nullptr);  // see add()
}

io::Task<> Enrolment::drained(const Pod& pod) {
  const io::TimePoint until = loop_.now() + options_.drain_time;
  while (!pod.dead && loop_.now() < until &&
         kernel_.has_connections(pod.fds->netns.get()).value_or(false)) {
    co_await loop_.sleep(kDrainPause);
  }
}

void Enrolment::set_wanted(std::vector<mesh::LocalPod> wanted, bool complete) {
  wanted_.clear();
  complete_ = complete;
  for (auto& pod : wanted) {
    std::string uid = pod.uid;
    wanted_.emplace(std::move(uid), std::move(pod));
  }
  for (const auto& [uid, pod] : pods_) {
    if (pod.step == Step::captured && !is_wanted(uid)) {
      background_.spawn(leave_for_label(uid));
    }
  }
  for (const auto& [uid, netns] : seen_) {
    if (wanted_.contains(uid) && !pods_.contains(uid)) {
      background_.spawn(come_back(uid));
    }
  }
  enrol_running();
}

void Enrolment::set_plain(std::set<std::string> uids, cni::NamespaceRule rule) {
  plain_ = std::move(uids);
  rule_ = std::move(rule);
}

bool Enrolment::is_wanted(const std::string& uid) const {
  return !complete_ || wanted_.contains(uid);
}

io::Task<> Enrolment::leave_for_label(std::string uid) {
  co_await begin(uid);
  bool wanted_again = false;
  {
    const Busy busy(*this, uid);
    const auto found = pods_.find(uid);
    if (found == pods_.end() || is_wanted(uid)) {
      co_return;  // another fiber was here first, or the source has changed its mind
    }
    if (seen_.size() < kSeenMax) {
      seen_[uid] = {.cookie = found->second.cookie, .inode = found->second.inode};
    }
    co_await leave(uid, true);
    wanted_again = wanted_.contains(uid);
  }
  if (wanted_again) {
    co_await come_back(uid);
  }
}

io::Task<> Enrolment::come_back(std::string uid) {
  const auto seen = seen_.find(uid);
  const auto wanted = wanted_.find(uid);
  if (seen == seen_.end() || wanted == wanted_.end()) {
    co_return;
  }
  EnrolRequest request{
      .uid = uid, .ns = wanted->second.ns, .name = wanted->second.name, .netns = Fd()};
  auto netns = kernel_.find_netns(seen->second.inode, seen->second.cookie);
  Result<Place> added;
  if (netns) {
    request.netns = std::move(*netns);
    added = co_await as_result(add(std::move(request)));
  } else {
    seen_.erase(seen);
    added = fail(std::move(netns).error());
  }
  if (!added) {
    obs::log(obs::Level::error, kScope, "a pod that is ambient again could not be enrolled",
             {{"uid", uid}, {"error", added.error()}});
  }
}

}  // namespace culvert::enrol
