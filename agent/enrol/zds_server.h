// ZdsServer: tells every ztunnel of the node which pods are its own; one message at a time, each
// acknowledged. A ztunnel that goes away changes nothing in the kernel.
// Source of truth: wire-facts §5.2; istio cni/pkg/nodeagent/ztunnelserver.go.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/enrol/announcer.h"
#include "agent/root_socket.h"
#include "ztunnel/lib/io/event.h"
#include "ztunnel/lib/io/loop.h"

namespace culvert::enrol {

class ZdsServer final : public Announcer, public agent::Attendant {
 public:
  // 5 s: how long announce() waits for a ztunnel to connect; one that restarts needs less.
  static constexpr io::Duration kZtunnelWait = std::chrono::seconds(5);

  // 5 s: how often a ztunnel is asked again to serve a pod that it could not, as Istio's does by
  // itself.
  static constexpr io::Duration kRetryInterval = std::chrono::seconds(5);

  struct Hooks {
    // All pods that a ztunnel must serve now, for the replay.
    std::function<std::vector<AnnouncedPod>()> snapshot;
    // Exempts the peer's cgroup from capture, before it hears of any pod.
    std::function<Result<>(pid_t)> admit;
    // A ztunnel has gone.
    std::function<void()> left;
  };

  ZdsServer(io::Loop& loop, std::string socket_path, Hooks hooks,
            io::Duration retry_interval = kRetryInterval)
      : loop_(loop),
        socket_path_(std::move(socket_path)),
        hooks_(std::move(hooks)),
        retry_interval_(retry_interval) {}

  io::Task<> attend(Fd connection, net::PeerCredentials peer) override;
  io::Task<> announce(AnnouncedPod pod) override;
  io::Task<> withdraw(std::string uid) override;

  struct Ztunnel {
    pid_t pid = 0;
    bool synced = false;  // has acknowledged the whole snapshot
    bool takes_listeners = false;
  };
  std::vector<Ztunnel> ztunnels() const;  // oldest first

 private:
  struct Connection;
  using ConnectionPtr = std::shared_ptr<Connection>;
  class Turn;

  io::Task<ConnectionPtr> greet(Fd socket, net::PeerCredentials peer);
  io::Task<> replay(ConnectionPtr connection);
  io::Task<> offer(ConnectionPtr connection, AnnouncedPod pod);
  io::Task<> retry_refused(ConnectionPtr connection);
  io::Task<> read_acks(ConnectionPtr connection);
  io::Task<ConnectionPtr> newest();
  // ask waits for its turn on the connection, sends one request and waits for the acknowledgement.
  io::Task<> ask(ConnectionPtr connection, control::ZdsRequest request,
                 std::shared_ptr<const PodFds> fds);
  // exchange is ask for one who has the turn.
  io::Task<> exchange(ConnectionPtr connection, control::ZdsRequest request,
                      std::shared_ptr<const PodFds> fds);
  static io::Task<> take_turn(ConnectionPtr connection);
  static io::Task<std::string> await_ack(ConnectionPtr connection);

  io::Loop& loop_;
  std::string socket_path_;
  Hooks hooks_;
  io::Duration retry_interval_;
  std::vector<ConnectionPtr> connections_;  // said hello, oldest first
  io::Event joined_;
};

}  // namespace culvert::enrol
