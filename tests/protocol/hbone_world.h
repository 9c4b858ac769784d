// The mesh that HBONE peers misbehave in: an honest client and an honest server on a node each, the
// real proxy on both, and a third pod, `rogue`, whose node is the test's to play. Sockets are pipes
// and time is virtual.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "tests/sim/node.h"
#include "ztunnel/lib/io/sim_loop.h"
#include "ztunnel/lib/net/pipe_stream.h"
#include "ztunnel/lib/policy/store.h"
#include "ztunnel/proxy/inbound.h"
#include "ztunnel/proxy/outbound.h"

namespace culvert::protocol {

using namespace std::chrono_literals;

inline const SocketAddress kClient = sim::at("10.0.0.1:40000");
inline const SocketAddress kServer = sim::at("10.0.0.2:8080");
inline const SocketAddress kServerTunnel = sim::at("10.0.0.2:15008");
inline const SocketAddress kRogue = sim::at("10.0.0.9:8080");
inline const SocketAddress kRogueTunnel = sim::at("10.0.0.9:15008");

// Whom a peer shows, and where its certificate is at fault.
enum class Shows : std::uint8_t {
  rogue,  // nothing is at fault
  nobody,
  foreign_domain,
  two_names,
  no_name,
  odd_name,
  expired,
  not_yet_valid,
  other_usage,  // the usage of the other role alone
  unknown_root,
  someone_else,  // an identity of the mesh, but not the one that is called
};

enum class Application : std::uint8_t {
  echoes,
  pours,   // sends for ever
  sleeps,  // neither reads nor sends
};

struct Credentials {
  std::string key_pem;  // empty: none
  std::string chain_pem;
};
Credentials credentials(Shows shows, bool as_server);

class HboneWorld final : public proxy::Network {
 public:
  explicit HboneWorld(io::SimLoop& loop);

  // knock opens a connection to the server's tunnel port and gives the peer's end.
  std::unique_ptr<net::Stream> knock(std::size_t pipe_bytes = net::kPipeBytes);
  // call is a connection that the client's application makes; the application's end of it.
  std::unique_ptr<net::Stream> call(const SocketAddress& to = kServer);
  // exchange sends 1 KiB on a call to the honest server and gets it back. Fails if not.
  io::Task<> exchange(net::Stream& application);

  // stay_honest exchanges bytes on such a call until `over` and gives the first failure.
  io::Task<> stay_honest(net::Stream& application, const bool& over, Result<>& result);

  // close ends everything that runs; needed before destruction.
  io::Task<> close();

  io::Task<proxy::Accepted> accept(proxy::PodPtr, proxy::Role) override;
  io::Task<std::unique_ptr<net::Stream>> dial(proxy::PodPtr, SocketAddress to,
                                              IpAddress source) override;
  io::Task<std::unique_ptr<net::Stream>> deliver(proxy::PodPtr, SocketAddress to,
                                                 IpAddress client_ip) override;

  io::SimLoop& loop;
  policy::Store store;
  sim::Node client;
  sim::Node server;
  proxy::Pool pool;
  // What answers at the rogue's tunnel port.
  std::function<io::Task<>(std::unique_ptr<net::Stream>)> rogue;
  std::multiset<std::uint16_t> delivered;     // the ports of the server that were reached
  int dials = 0;                              // to the rogue
  Application reached = Application::echoes;  // what answers to the rogue
  std::uint64_t poured_bytes = 0;
  io::Scope scope;  // last: what runs in it uses all of the above
};

}  // namespace culvert::protocol
