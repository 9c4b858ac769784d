// EnrolSocket: the one way in for pods: the CNI plugin, the demo and the tests. One JSON datagram a
// request, the netns beside it as a descriptor, one JSON datagram back:
//   {"op":"add"|"check"|"del","uid":"…","namespace":"…","name":"…"} or {"op":"status"}
//     →  {"ok":true} or {"ok":false,"error":"one sentence"}
// After an add or a check that is ok "state" says where the pod is: "captured" or "outside". A del
// may bring the netns of the sandbox that it means.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/enrol/enrolment.h"
#include "agent/root_socket.h"
#include "ztunnel/lib/io/loop.h"
#include "ztunnel/lib/obs/log.h"

namespace culvert::enrol {

// 4 KiB: a uid, a namespace and a name have at most 253 bytes each.
inline constexpr std::size_t kEnrolRequestBytesMax = 4096;
// 30 s: a connection that asks nothing for so long, or does not take its answer, gives its place
// back. Plugins ask at once.
inline constexpr io::Duration kEnrolPatience = std::chrono::seconds(30);

struct EnrolOrder {
  enum class Op : std::uint8_t { add, check, del, status };
  Op op = Op::add;
  EnrolRequest pod;
};

// parse_enrol_request reads one datagram. Fails with `protocol` and a sentence that names the
// field; descriptors too many or too few are faults as well.
Result<EnrolOrder> parse_enrol_request(std::string_view json, std::vector<Fd> fds);
// enrol_reply makes the answer; a place is told where there is one.
std::string enrol_reply(const Result<std::optional<Place>>& outcome);

class EnrolSocket final : public agent::Attendant {
 public:
  EnrolSocket(io::Loop& loop, Enrolment& enrolment, io::Duration patience = kEnrolPatience)
      : loop_(loop), enrolment_(enrolment), patience_(patience) {}

  // attend answers the requests of one connection, one after the other.
  io::Task<> attend(Fd connection, net::PeerCredentials peer) override;

  // refusals counts requests that failed, for whatever reason.
  std::uint64_t refusals() const { return refusals_; }

 private:
  io::Task<std::optional<Place>> carry_out(net::Message message);

  io::Loop& loop_;
  Enrolment& enrolment_;
  io::Duration patience_;
  std::uint64_t refusals_ = 0;
  obs::RateLimitedLog log_{{.level = obs::Level::warn, .scope = "enrol::socket"}};
};

}  // namespace culvert::enrol
