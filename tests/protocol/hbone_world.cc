// SPDX-License-Identifier: Apache-2.0
#include "tests/protocol/hbone_world.h"
#include "ztunnel/proxy/limits.h"

namespace culvert::protocol {
namespace {

// The honest connection's bytes come back in no (virtual) time; a stall would show as a timer.
constexpr io::Duration kHonestWaitMax = 1ms;
// Most misbehaviour is over in this time; beside what waits for deadlines fewer bytes do.
constexpr io::Duration kHonestBusy = 1s;
constexpr io::Duration kHonestPause = 50ms;
constexpr io::Duration kHonestPauseLong = 500ms;

const tls::CertificateAuthority& authority() {
  static const auto made =
      *tls::CertificateAuthority::create("mesh", std::chrono::system_clock::now());
  return made;
}

Credentials issue(const tls::CertificateAuthority& by, const tls::LeafOptions& leaf) {
  const auto key = *tls::generate_key();
  const auto csr = *tls::make_csr(key, {"cluster.local", "demo", "requested"});
  return {key, *by.issue(csr, leaf)};
}

std::string uri(const std::string& service_account, const std::string& domain = "cluster.local") {
  return to_string(SpiffeId{domain, "demo", service_account});
}

proxy::IdentityPtr honest(const std::string& service_account) {
  const auto now = std::chrono::system_clock::now();
  const auto made =
      issue(authority(),
            {.uris = {uri(service_account)}, .not_before = now - 1min, .not_after = now + 1h});
  return *tls::WorkloadIdentity::make(made.key_pem, std::vector<std::string>{made.chain_pem},
                                      authority().root_pem());
}

io::Task<> echo(std::unique_ptr<net::Stream> stream) {
  std::array<std::uint8_t, 2048> buffer{};
  for (;;) {
    const std::size_t count = co_await stream->read_some(buffer);
    if (count == 0) {
      break;
    }
    co_await stream->write_all(Bytes(buffer).first(count));
  }
  co_await stream->shutdown_write();
}

io::Task<> pour(std::unique_ptr<net::Stream> stream, std::uint64_t& poured) {
  const std::string bytes(16 * 1024, 'p');
  for (;;) {
    co_await stream->write_all(as_bytes(bytes));
    poured += bytes.size();
  }
}

// Reads nothing; writing is what tells it that the connection is gone.
io::Task<> sleep_until_cut(io::Loop& on, std::unique_ptr<net::Stream> stream) {
  for (;;) {
    co_await on.sleep(1s);
    co_await stream->write_all({});
  }
}

// What a worker does for its connections beside carrying them.
io::Task<> look_after(io::Loop& loop, sim::Node& one, sim::Node& other) {
  for (;;) {
    co_await loop.sleep(proxy::kTrackerInterval);
    one.tracker.look_after();
    other.tracker.look_after();
  }
}

}  // namespace

Credentials credentials(Shows shows, bool as_server) {
  static const auto stranger =
      *tls::CertificateAuthority::create("stranger", std::chrono::system_clock::now());
  const auto now = std::chrono::system_clock::now();
  tls::LeafOptions leaf{.uris = {uri("rogue")}, .not_before = now - 1min, .not_after = now + 1h};
  switch (shows) {
    case Shows::nobody: return {};
    case Shows::foreign_domain: leaf.uris = {uri("rogue", "elsewhere.example")}; break;
    case Shows::two_names: leaf.uris.push_back(uri("client")); break;
    case Shows::no_name: leaf.uris.clear(); break;
    case Shows::odd_name: leaf.uris = {"spiffe://cluster.local/rogue"}; break;
    case Shows::expired: leaf.not_after = now - 1s; break;
    case Shows::not_yet_valid: leaf.not_before = now + 30min; break;
    case Shows::other_usage: (as_server ? leaf.server_auth : leaf.client_auth) = false; break;
    case Shows::someone_else: leaf.uris = {uri("client")}; break;
    case Shows::unknown_root: return issue(stranger, leaf);
    case Shows::rogue: break;
  }
  return issue(authority(), leaf);
}

HboneWorld::HboneWorld(io::SimLoop& on)
    : loop(on),
      client(on, *this),
      server(on, *this),
      pool(on, *this, client.mesh),
      scope(on, io::Scope::OnFailure::ignore) {
  static const auto client_identity = honest("client");
  static const auto server_identity = honest("server");
  client.mesh.set_identity(client_identity->id(), client_identity);
  server.mesh.set_identity(server_identity->id(), server_identity);
  const auto a = sim::workload_resource("client", kClient);
  const auto b = sim::workload_resource("server", kServer);
  const auto c = sim::workload_resource("rogue", kRogue);
  const std::array<policy::ResourceBytes, 3> added = {
      policy::ResourceBytes{"Kubernetes//Pod/demo/client", as_bytes(a)},
      policy::ResourceBytes{"Kubernetes//Pod/demo/server", as_bytes(b)},
      policy::ResourceBytes{"Kubernetes//Pod/demo/rogue", as_bytes(c)}};
  CHECK(store.apply_addresses(added, {}).empty());
  client.mesh.set_snapshot(store.snapshot());
  server.mesh.set_snapshot(store.snapshot());
  scope.spawn(look_after(on, client, server));
}

std::unique_ptr<net::Stream> HboneWorld::knock(std::size_t pipe_bytes) {
  auto ends = net::make_pipe(loop, pipe_bytes);
  scope.spawn(proxy::serve_tunnel(server.context, sim::pod("server"),
                                  {std::move(ends[1]), {kRogue.ip, 40000}, kServerTunnel}));
  return std::move(ends[0]);
}

std::unique_ptr<net::Stream> HboneWorld::call(const SocketAddress& to) {
  auto ends = net::make_pipe(loop);
  scope.spawn(proxy::serve_outbound(client.context, pool, sim::pod("client"),
                                    {std::move(ends[1]), kClient, to}));
  return std::move(ends[0]);
}

io::Task<> HboneWorld::exchange(net::Stream& application) {
  std::string sent(1024, '\0');
  for (char& c : sent) {
    c = static_cast<char>(client.rng.next());
  }
  co_await application.write_all(as_bytes(sent));
  std::string received;
  std::array<std::uint8_t, 1024> buffer{};
  while (received.size() < sent.size()) {
    const std::size_t count = co_await application.read_some(buffer);
    if (count == 0) {
      break;
    }
    received += as_text(Bytes(buffer).first(count));
  }
  if (received != sent) {
    co_await fail(Errc::protocol, "bytes were lost or changed");
  }
}

io::Task<> HboneWorld::stay_honest(net::Stream& application, const bool& over, Result<>& result) {
  const auto since = loop.now();
  while (!over && result) {
    const auto began = loop.now();
    result = co_await as_result(exchange(application));
    CHECK(loop.now() - began <= kHonestWaitMax);
    co_await loop.sleep(began - since < kHonestBusy ? kHonestPause : kHonestPauseLong);
  }
}

io::Task<> HboneWorld::close() {
  (void)co_await as_result(pool.stop());
  scope.cancel();
  (void)co_await as_result(scope.join());
}

io::Task<proxy::Accepted> HboneWorld::accept(proxy::PodPtr, proxy::Role) {
  co_return fail(Errc::unavailable, "the test accepts by itself");
}

io::Task<std::unique_ptr<net::Stream>> HboneWorld::dial(proxy::PodPtr, SocketAddress to,
                                                        IpAddress source) {
  auto ends = net::make_pipe(loop);
  if (to == kServerTunnel) {
    scope.spawn(proxy::serve_tunnel(server.context, sim::pod("server"),
                                    {std::move(ends[1]), {source, 41000}, kServerTunnel}));
  } else if (to == kRogueTunnel && rogue) {
    ++dials;
    scope.spawn(rogue(std::move(ends[1])));
  } else {
    co_return fail(Errc::unavailable, "nobody is at " + to_string(to));
  }
  co_return std::move(ends[0]);
}

io::Task<std::unique_ptr<net::Stream>> HboneWorld::deliver(proxy::PodPtr, SocketAddress to,
                                                           IpAddress client_ip) {
  CHECK(to.ip == kServer.ip);
  delivered.insert(to.port);
  const bool is_misused = client_ip == kRogue.ip && to.port == kServer.port;
  auto ends = net::make_pipe(loop);
  if (is_misused && reached == Application::pours) {
    scope.spawn(pour(std::move(ends[1]), poured_bytes));
  } else if (is_misused && reached == Application::sleeps) {
    scope.spawn(sleep_until_cut(loop, std::move(ends[1])));
  } else {
    scope.spawn(echo(std::move(ends[1])));
  }
  co_return std::move(ends[0]);
}

}  // namespace culvert::protocol
