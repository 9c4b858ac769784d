// SPDX-License-Identifier: Apache-2.0
#include "agent/cni/plugin.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/statfs.h>

#include <cerrno>

#include "agent/cni/enrol_client.h"
#include "agent/cni/namespaces.h"
#include "ztunnel/lib/base/fd.h"

namespace culvert::cni {

namespace {

constexpr const char* kGetAgent =
    "see why culvert-agent does not run on this node, or release the node with culvert-agent "
    "--remove";

Answer passed(std::string note) {
  return {.status = 0, .text = {}, .note = std::move(note)};
}

std::string socket_of(const Call& call) {
  return call.run_dir + "/" + kEnrolSocketName;
}

Result<EnrolAnswer> ask(const Call& call, std::string op, int netns,
                        std::chrono::milliseconds within) {
  return ask_agent(socket_of(call),
                   {.op = std::move(op),
                    .uid = call.pod_uid,
                    .ns = call.pod_namespace,
                    .name = call.pod_name,
                    .netns = netns},
                   within);
}

// What the agent wrote down when it was here. A file that can't be read counts as none: what may be
// meshed is then held back.
NamespaceRule rule_of(const Call& call) {
  auto known = read_namespaces(call.state_dir + "/" + kNamespacesName);
  return {.mesh = known ? std::move(*known) : std::nullopt, .exempt = call.exempt};
}

// The name of a pod's netns: opened without waiting, for a path may lead to anything.
Result<Fd> open_netns(const std::string& path) {
  Fd netns(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  struct statfs system{};
  if (!netns || ::fstatfs(netns.get(), &system) != 0) {
    return fail_errno(errno, path);
  }
  if (system.f_type != NSFS_MAGIC) {
    return fail(Errc::config, path + ": it is no network namespace");
  }
  return netns;
}

// without_agent decides about a pod that no agent can be asked about.
Answer without_agent(const Call& call, const std::string& reason, const char* next_step) {
  if (!rule_of(call).holds_back(call.pod_namespace)) {
    return passed("not held: " + reason + ", and its namespace is not in the mesh");
  }
  return error_answer(
      call.version,
      {.code = Code::try_again,
       .msg = call.pod_text() + " is held: its namespace may be in the mesh, and " + reason,
       .details = next_step});
}

// ask_about puts an ADD or a CHECK to the agent: it passes if the pod is captured or none of ours.
Answer ask_about(const Call& call, std::string op, std::chrono::milliseconds within) {
  if (call.pod_namespace.empty() || call.pod_name.empty()) {
    return passed("passed: CNI_ARGS names no pod of Kubernetes");
  }
  if (call.pod_uid.empty()) {
    return without_agent(call, "the container runtime gives no K8S_POD_UID",
                         "use a containerd or CRI-O that puts K8S_POD_UID into CNI_ARGS");
  }
  const auto netns = open_netns(call.netns);
  if (!netns) {
    return error_answer(call.version, {.code = Code::invalid_environment,
                                       .msg = "CNI_NETNS can't be opened",
                                       .details = to_string(netns.error())});
  }
  const auto answer = ask(call, std::move(op), netns->get(), within);
  if (!answer) {
    return without_agent(call, "no agent answers (" + to_string(answer.error()) + ")", kGetAgent);
  }
  if (!answer->ok) {
    return error_answer(call.version,
                        {.code = Code::try_again,
                         .msg = call.pod_text() + " is not in the mesh as it should be",
                         .details = answer->error});
  }
  return passed(answer->state);
}

Answer add(Call& call) {
  Answer answer = ask_about(call, "add", kAddWithin);
  if (answer.status != 0) {
    return answer;
  }
  Answer result = result_answer(call.version, std::move(call.previous));
  result.note = std::move(answer.note);
  return result;
}

// A DEL that can't be told to the agent is no failure: it finds out by comparison with the kernel
// and its source. A DEL without a netns says nothing that it would not find by itself, and may be
// the second one of a sandbox whose successor has the same uid.
Answer del(const Call& call) {
  const auto netns = open_netns(call.netns);
  if (call.pod_uid.empty() || call.pod_namespace.empty() || call.pod_name.empty() || !netns) {
    return passed("nothing to tell the agent");
  }
  const auto answer = ask(call, "del", netns->get(), kAskWithin);
  if (!answer) {
    return passed("the agent will find out: " + to_string(answer.error()));
  }
  return passed(answer->ok ? "removed" : "the agent could not remove it: " + answer->error);
}

// An agent that is away is no reason to call the node's network broken, which would have all pods
// evicted; it is one if no pod could be started.
Answer status(const Call& call) {
  const auto answer = ask_agent(socket_of(call), {.op = "status"}, kAskWithin);
  if (answer && answer->ok) {
    return passed("the agent answers");
  }
  const std::string reason = answer ? answer->error : to_string(answer.error());
  if (rule_of(call).mesh) {
    return passed("no agent answers, and pods outside the mesh can start: " + reason);
  }
  return error_answer(call.version, {.code = Code::not_available,
                                     .msg = "no agent answers, and none has ever written down "
                                            "which namespaces are in the mesh",
                                     .details = reason + "; " + kGetAgent});
}

}  // namespace

Answer run(const Environment& environment, std::string_view input, Call& call) {
  Failure failure;
  if (!read_call(environment, input, call, failure)) {
    return error_answer(call.version, failure);
  }
  switch (call.command) {
    case Command::add: return add(call);
    case Command::del: return del(call);
    case Command::check: return ask_about(call, "check", kAskWithin);
    case Command::gc: return passed("the agent holds nothing for containers that are gone");
    case Command::status: return status(call);
    case Command::version: return version_answer(call.version);
  }
  return passed("");
}

}  // namespace culvert::cni
