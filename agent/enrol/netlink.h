// One rtnetlink socket: send a request, wait for the kernel's answer. Blocking, but the kernel
// answers within the send, so that nothing waits.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <libmnl/libmnl.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "ztunnel/lib/base/result.h"

namespace culvert::enrol {

class Netlink {
 public:
  // open makes a socket of the netns that the calling thread is in; it stays there.
  static Result<Netlink> open();

  // request sends `message` (NLM_F_ACK is added) and waits for the acknowledgement. The error's
  // `sys` is the kernel's errno, its context begins with `what`.
  Result<> request(nlmsghdr* message, std::string_view what);

  // dump sends `message` (NLM_F_DUMP is added) and calls `visit` for each answer.
  Result<> dump(nlmsghdr* message, std::string_view what,
                const std::function<void(const nlmsghdr*)>& visit);

 private:
  struct Close {
    void operator()(mnl_socket* socket) const { ::mnl_socket_close(socket); }
  };
  explicit Netlink(mnl_socket* socket) : socket_(socket) {}

  Result<> exchange(nlmsghdr* message, std::string_view what,
                    const std::function<void(const nlmsghdr*)>& visit);

  std::unique_ptr<mnl_socket, Close> socket_;
  std::uint32_t sequence_ = 0;
};

}  // namespace culvert::enrol
