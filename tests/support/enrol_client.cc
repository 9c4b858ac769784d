// The netns travels as a descriptor beside the request.
// SPDX-License-Identifier: Apache-2.0
#include "tests/support/enrol_client.h"

#include <fcntl.h>

#include "agent/cni/enrol_client.h"
#include "tests/support/paths.h"
#include "ztunnel/lib/base/fd.h"

namespace culvert::lab {

std::string ask_enrol(const std::string& socket_path, const std::string& op, const Pod& pod) {
  const Fd netns(op == "add" ? ::open(("/run/netns/" + pod.netns()).c_str(), O_RDONLY | O_CLOEXEC)
                             : -1);
  const auto answer = cni::ask_agent(socket_path,
                                     {.op = op,
                                      .uid = pod.spec().uid,
                                      .ns = std::string(kNamespace),
                                      .name = pod.name(),
                                      .netns = netns.get()},
                                     20s);
  if (!answer) {
    return to_string(answer.error());
  }
  return answer->ok ? "" : answer->error;
}

}  // namespace culvert::lab
