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
  using Op = EnrolOrder::Op;
  auto order = parse_enrol_request(text, descriptors(fd_count));
  Result<std::optional<Place>> outcome;
  if (order && order->op != Op::status) {
    CULVERT_ASSERT(!order->pod.uid.empty() && !order->pod.ns.empty() && !order->pod.name.empty());
    CULVERT_ASSERT(order->op == Op::del ? fd_count <= 1 : fd_count == 1);
    CULVERT_ASSERT((order->pod.netns.get() >= 0) == (fd_count == 1));
    const char* op = order->op == Op::add ? "add" : order->op == Op::del ? "del" : "check";
    const nlohmann::json again = {{"op", op},
                                  {"uid", order->pod.uid},
                                  {"namespace", order->pod.ns},
                                  {"name", order->pod.name}};
    const auto same = parse_enrol_request(again.dump(), descriptors(fd_count));
    CULVERT_ASSERT(same && same->op == order->op && same->pod.uid == order->pod.uid &&
                   same->pod.ns == order->pod.ns && same->pod.name == order->pod.name);
  } else if (order) {
    CULVERT_ASSERT(fd_count == 0);
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
