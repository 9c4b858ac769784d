// One datagram of the enrol socket, with a descriptor and without. What is accepted names a pod
// completely and has exactly the descriptors that it needs; the answer to anything is JSON.
// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include <nlohmann/json.hpp>

#include "agent/enrol/enrol_socket.h"
#include "ztunnel/lib/base/assert.h"
#include "ztunnel/lib/base/bytes.h"

namespace culvert::enrol {
namespace {

std::vector<Fd> descriptors(std::size_t count) {
  std::vector<Fd> fds;
  for (std::size_t i = 0; i < count; ++i) {
    fds.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  }
  return fds;
}

void check(std::string_view text, std::size_t fd_count) {
  auto order = parse_enrol_request(text, descriptors(fd_count));
  Result<> outcome;
  if (order) {
    CULVERT_ASSERT(!order->pod.uid.empty() && !order->pod.ns.empty() && !order->pod.name.empty());
    const bool adds = order->op == EnrolOrder::Op::add;
    CULVERT_ASSERT(fd_count == (adds ? 1 : 0));
    CULVERT_ASSERT((order->pod.netns.get() >= 0) == adds);
    const nlohmann::json again = {{"op", adds ? "add" : "del"},
                                  {"uid", order->pod.uid},
                                  {"namespace", order->pod.ns},
                                  {"name", order->pod.name}};
    const auto same = parse_enrol_request(again.dump(), descriptors(fd_count));
    CULVERT_ASSERT(same && same->pod.uid == order->pod.uid && same->pod.ns == order->pod.ns &&
                   same->pod.name == order->pod.name);
  } else {
    CULVERT_ASSERT(order.error().code == Errc::protocol);
    outcome = fail(order.error());
  }
  const auto reply = nlohmann::json::parse(enrol_reply(outcome), nullptr, false);
  CULVERT_ASSERT(reply.is_object() && reply["ok"] == order.has_value());
  CULVERT_ASSERT(order || !reply["error"].get<std::string>().empty());
}

}  // namespace
}  // namespace culvert::enrol

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto text = culvert::as_text({bytes, size});
  for (std::size_t fds = 0; fds <= 2; ++fds) {
    culvert::enrol::check(text, fds);
  }
  return 0;
}
