// Enrolment: the life of the pods of this node: seen → enrolled → captured → drained. Owns the
// order of the steps and their undoing; the steps themselves are NodeKernel's and Announcer's.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/cni/namespaces.h"
#include "agent/enrol/announcer.h"
#include "agent/enrol/node_kernel.h"
#include "agent/enrol/notices.h"
#include "agent/enrol/records.h"
#include "agent/mesh/desired.h"
#include "ztunnel/lib/base/identity.h"
#include "ztunnel/lib/io/event.h"
#include "ztunnel/lib/io/loop.h"
#include "ztunnel/lib/io/scope.h"

namespace culvert::enrol {

// EnrolRequest is what the CNI plugin (or whoever plays it) reports: a pod and its netns.
struct EnrolRequest {
  std::string uid;
  std::string ns;
  std::string name;
  Fd netns;
};

// Place is where a pod belongs: in the mesh, captured, or outside of it.
enum class Place : std::uint8_t { captured, outside };

// PodView is one pod for GET /pods.
struct PodView {
  mesh::LocalPod pod;  // with the addresses found in the netns
  std::uint64_t netns_inode = 0;
  std::string_view state;  // "seen", "enrolled", "captured", "draining"
};

class Enrolment {
 public:
  struct Options {
    std::string node;          // for sentences
    std::string records_path;  // see records.h
    // 5 s: an API server or a person's file may come a little after the CNI's call.
    io::Duration source_wait = std::chrono::seconds(5);
    // 3 s: IPv6 duplicate detection takes about 2.
    io::Duration address_wait = std::chrono::seconds(3);
    // 25 s: as long as ztunnel's own drain; less if no connection is left.
    io::Duration drain_time = std::chrono::seconds(25);
    // Called when captured_uids() has changed.
    std::function<void()> changed = [] {};
  };

  Enrolment(io::Loop& loop, NodeKernel& kernel, Announcer& announcer, PodNotices& notices,
            Options options);

  // set_wanted takes the ambient pods of this node as the source says it. Pods that are no longer
  // among them are un-enrolled in the background; with `complete` false (a file was never read
  // well) a missing pod means nothing, and it stays. A pod that was un-enrolled for its label comes
  // back when it is wanted again; one that runs and was never reported is looked for among the
  // node's processes.
  void set_wanted(std::vector<mesh::LocalPod> wanted, bool complete);

  // set_plain takes the other pods of this node, those that belong outside, and the rule for pods
  // that the source does not know. With set_wanted's `complete` false they are none of them
  // trusted.
  void set_plain(std::set<std::string> uids, cni::NamespaceRule rule);

  // adopt takes over what an earlier agent left in the kernel: wanted pods get fresh listeners in
  // place, the others are un-enrolled; those that could be neither are among problems() until
  // compare() settles them. Call it once, after set_wanted and before the sockets open. Gives one
  // sentence when nothing could be known of an earlier agent, and everything stays as it is then,
  // or when its records could not be written anew.
  std::vector<std::string> adopt();

  // add enrols a pod and returns when its connections are captured, a ztunnel serves it and others
  // can know it, or at once if it belongs outside. Repeating it is success. On failure every step
  // is undone, in reverse order, and the pod is as before; the error's context names the pod. Waits
  // for the source to know the pod, for its addresses, and for a ztunnel, a few seconds each. Of a
  // pod that stays unknown its namespace decides: `not_found`, or outside.
  io::Task<Place> add(EnrolRequest request);

  // remove un-enrols a pod whose processes are gone (CNI DEL); an unknown one is success. If the
  // request has a netns, it counts for that sandbox alone: runtimes report an old one again when
  // the pod has a new one already.
  io::Task<> remove(EnrolRequest request);

  // check says where a pod is (CNI CHECK). Fails with `unavailable` if it belongs in the mesh and
  // the kernel does not hold it whole, with `not_found` as add does.
  io::Task<Place> check(EnrolRequest request);

  // compare puts back what someone else took out of the kernel, and tries again what adopt() could
  // not do and what of the running pods could not be enrolled. Call it now and then.
  void compare();

  // stop ends the background work; what is in the kernel stays.
  io::Task<> stop();

  std::vector<AnnouncedPod> announced() const;  // what each ztunnel must serve
  std::set<std::string> captured_uids() const;  // see PodsOfMesh
  std::set<std::string> awaited_uids() const;
  bool has_identity(const SpiffeId& id) const;  // of a wanted pod or one that is enrolled
  std::vector<PodView> pods() const;
  // One sentence for each wanted pod that was found running and could not be enrolled so far, and
  // for each of an earlier agent that could not be taken over.
  std::vector<std::string> problems() const;
  // One sentence for each wanted pod that has an address and that the kernel does not hold whole.
  std::vector<std::string> shortfalls() const;

 private:
  // How far a pod has come; undoing goes the same way back.
  enum class Step : std::uint8_t { seen, set_up, announced, captured, draining };
  struct Pod {
    mesh::LocalPod spec;
    std::uint64_t cookie = 0;
    std::uint64_t inode = 0;
    std::shared_ptr<PodFds> fds;  // its listeners are made once, before anyone shares it
    Step step = Step::seen;
    bool withdrawn = false;  // it leaves for its label, and others are told so
    bool dead = false;       // CNI DEL has come: nobody is left whose connections could drain
  };
  // SeenNetns is where a pod was that left because of its label. No descriptor: that would keep the
  // netns of a dead pod.
  struct SeenNetns {
    std::uint64_t cookie = 0;
    std::uint64_t inode = 0;
  };
  // Unreachable is held by the kernel and wanted, but could not be taken over from an earlier
  // agent.
  struct Unreachable {
    Record record;
    std::string problem;
  };
  class Busy;

  // find gives the pod if it is wanted, none if it belongs outside. Fails with `not_found` if its
  // namespace may be in the mesh and the source does not know it, with `config` for a wrong name.
  Result<std::optional<mesh::LocalPod>> find(const EnrolRequest& request, bool waited) const;
  io::Task<std::optional<mesh::LocalPod>> wait_until_known(const EnrolRequest& request);
  io::Task<std::vector<IpAddress>> wait_for_addresses(int netns);
  io::Task<> begin(std::string uid);  // waits until nobody else works on the pod
  io::Task<> enrol(Pod& pod);
  io::Task<> climb(Pod& pod);
  io::Task<> undo(Pod& pod);
  io::Task<> leave(std::string uid, bool drain);
  io::Task<> drained(const Pod& pod);
  io::Task<> leave_for_label(std::string uid);
  io::Task<> come_back(std::string uid);
  void enrol_running();
  io::Task<> add_running(EnrolRequest request);
  void compare_unreachable(const std::vector<datapath::PodState>& held);
  io::Task<> announce(std::string uid);
  Result<> adopt_pod(const Record& record, const datapath::PodState& state);
  void discard(const datapath::PodState& state);
  static AnnouncedPod announcement(const Pod& pod);
  Result<> write_down(const Pod* also) const;
  bool is_wanted(const std::string& uid) const;

  io::Loop& loop_;
  NodeKernel& kernel_;
  Announcer& announcer_;
  PodNotices& notices_;
  Options options_;
  std::map<std::string, mesh::LocalPod> wanted_;
  std::set<std::string> plain_;
  cni::NamespaceRule rule_;
  bool complete_ = false;
  bool adopted_ = false;  // before, a pod that runs may be one of an earlier agent's
  std::map<std::string, Pod> pods_;
  std::map<std::string, SeenNetns> seen_;
  std::vector<Unreachable> unreachable_;
  std::map<std::string, std::string> failed_;  // uid → why a running pod could not be enrolled
  std::set<std::string> busy_;                 // uids that a fiber works on
  io::Event changed_;                          // wanted_ or busy_
  io::Scope background_;                       // last: its fibers use all of the above
};

}  // namespace culvert::enrol
