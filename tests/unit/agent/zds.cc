// ZDS over a real socket: the agent's server and ztunnel's client, and peers that misbehave.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <sys/socket.h>

#include "agent/enrol/zds_server.h"
#include "tests/unit/agent/fake_node.h"
#include "tests/unit/agent/scratch_folder.h"
#include "ztunnel/proxy/zds_client.h"

namespace culvert::enrol {

namespace {

using namespace std::chrono_literals;

class Keeper final : public proxy::PodKeeper {
 public:
  io::Task<> add(proxy::ZdsPod pod) override {
    CHECK(pod.netns);
    told.push_back("add " + pod.uid + (pod.listeners ? " with listeners" : ""));
    if (pod.uid == failing) {
      co_await fail(Errc::io, "told to fail");
    }
  }
  io::Task<> remove(std::string uid) override {
    told.push_back("remove " + uid);
    co_return;
  }
  io::Task<> keep_only(std::set<std::string> uids) override {
    std::string all = "keep";
    for (const auto& uid : uids) {
      all += " " + uid;
    }
    told.push_back(all);
    co_return;
  }

  std::vector<std::string> told;
  std::string failing;
};

AnnouncedPod announced(const std::string& uid) {
  auto fds = std::make_shared<PodFds>();
  fds->netns = some_fd();
  fds->listeners = {.outbound = some_fd(), .inbound = some_fd(), .hbone = some_fd()};
  return {.add = {.uid = uid, .workload = {.name = "cart", .ns = "shop", .service_account = "sa"}},
          .fds = std::move(fds)};
}

struct Bench {
  std::unique_ptr<io::Loop> loop = io::make_epoll_loop();
  ScratchFolder folder;
  std::string path = folder / "zds.sock";
  std::vector<std::string> pods;
  std::vector<pid_t> admitted;
  bool refuse = false;
  int left = 0;
  ZdsServer server{*loop,
                   path,
                   {.snapshot =
                        [this] {
                          std::vector<AnnouncedPod> all;
                          all.reserve(pods.size());
                          for (const auto& uid : pods) {
                            all.push_back(announced(uid));
                          }
                          return all;
                        },
                    .admit =
                        [this](pid_t pid) {
                          admitted.push_back(pid);
                          return refuse ? Result<>(fail(Errc::config, "no cgroup of its own"))
                                        : Result<>();
                        },
                    .left = [this] { ++left; }},
                   20ms};
  io::Scope scope{*loop, io::Scope::OnFailure::ignore};

  Bench() {
    auto listener = net::listen_unix(path, net::UnixType::seqpacket);
    REQUIRE(listener);
    scope.spawn(accept_all(*this, std::move(*listener)));
  }
  ~Bench() {
    scope.cancel();
    while (!scope.empty()) {
      (void)loop->turn();
    }
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  static io::Task<> accept_all(Bench& bench, Fd listener) {
    for (;;) {
      Fd connection = co_await bench.loop->accept(listener.get());
      const auto peer = co_await net::peer_credentials(connection.get());
      bench.scope.spawn(bench.server.attend(std::move(connection), peer));
    }
  }
  // within asks `holds` until it says yes; a yes is not asked for twice.
  bool within(io::Duration limit, const std::function<bool()>& holds) {
    const auto until = io::Clock::now() + limit;
    while (!holds()) {
      if (io::Clock::now() >= until) {
        return false;
      }
      (void)loop->turn(std::chrono::milliseconds(1));
    }
    return true;
  }
  // say connects a raw peer that has said `hello`.
  Fd peer(const std::string& hello) {
    auto socket = net::connect_unix_fd(path, net::UnixType::seqpacket);
    REQUIRE(socket);
    REQUIRE(::send(socket->get(), hello.data(), hello.size(), 0) > 0);
    return std::move(*socket);
  }
  // heard gives the next packet, or "closed".
  std::string heard(const Fd& socket) {
    std::string bytes(2048, '\0');
    ssize_t got = -1;
    CHECK(within(3s, [&] {
      got = ::recv(socket.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
      return got >= 0;
    }));
    bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return got > 0 ? bytes : "closed";
  }
};

// A ztunnel that lives as long as this object.
struct Ztunnel {
  Bench& bench;
  Keeper keeper;
  proxy::ZdsClient client{*bench.loop, bench.path, keeper};
  io::Scope scope{*bench.loop, io::Scope::OnFailure::ignore};

  explicit Ztunnel(Bench& b, std::string failing = "") : bench(b) {
    keeper.failing = std::move(failing);
    scope.spawn(client.run());
  }
  ~Ztunnel() {
    scope.cancel();
    while (!scope.empty()) {
      (void)bench.loop->turn();
    }
  }
  Ztunnel(const Ztunnel&) = delete;
  Ztunnel& operator=(const Ztunnel&) = delete;

  bool synced() {
    return bench.within(3s, [&] { return client.state() == proxy::ZdsClient::State::synced; });
  }
};

}  // namespace

TEST_CASE("a ztunnel that connects hears of all pods, then of each new and each gone one") {
  Bench bench;
  bench.pods = {"u1", "u2"};
  Ztunnel ztunnel(bench);
  REQUIRE(ztunnel.synced());
  CHECK(ztunnel.keeper.told ==
        std::vector<std::string>{"add u1 with listeners", "add u2 with listeners", "keep u1 u2"});
  CHECK(bench.admitted == std::vector<pid_t>{::getpid()});

  REQUIRE(io::block_on(*bench.loop, bench.server.announce(announced("u3"))));
  CHECK(ztunnel.keeper.told.back() == "add u3 with listeners");
  REQUIRE(io::block_on(*bench.loop, bench.server.withdraw("u1")));
  CHECK(ztunnel.keeper.told.back() == "remove u1");
  CHECK(bench.server.ztunnels().front().synced);
}

TEST_CASE("what ztunnel says of a pod that it can't serve is the error of the announcement") {
  Bench bench;
  const Ztunnel ztunnel(bench, "u1");
  const auto told = io::block_on(*bench.loop, bench.server.announce(announced("u1")));
  REQUIRE(!told);
  CHECK(to_string(told.error()) == "ztunnel said: told to fail");
  CHECK(io::block_on(*bench.loop, bench.server.announce(announced("u2"))));
}

TEST_CASE("a pod that ztunnel refuses does not keep it from hearing of the others") {
  Bench bench;
  bench.pods = {"u1", "u2"};
  Ztunnel ztunnel(bench, "u1");
  REQUIRE(ztunnel.synced());
  CHECK(ztunnel.keeper.told.back() == "keep u1 u2");
  ztunnel.keeper.told.clear();
  ztunnel.keeper.failing = "";
  CHECK(bench.within(3s, [&] { return !ztunnel.keeper.told.empty(); }));  // it is asked again
  CHECK(ztunnel.keeper.told == std::vector<std::string>{"add u1 with listeners"});
  CHECK(!bench.within(100ms, [&] { return ztunnel.keeper.told.size() > 1; }));  // and then no more
}

TEST_CASE("a ztunnel that was cut off connects again and hears of all pods again") {
  Bench bench;
  bench.pods = {"u1"};
  {
    Ztunnel first(bench);
    REQUIRE(first.synced());
  }
  CHECK(bench.within(3s, [&] { return bench.left == 1; }));
  CHECK(bench.server.ztunnels().empty());
  Ztunnel again(bench);
  REQUIRE(again.synced());
  CHECK(again.keeper.told == std::vector<std::string>{"add u1 with listeners", "keep u1"});
}

TEST_CASE("new pods go to the newest ztunnel alone, gone ones to all") {
  Bench bench;
  Ztunnel old_one(bench);
  REQUIRE(old_one.synced());
  Ztunnel new_one(bench);
  REQUIRE(new_one.synced());
  REQUIRE(io::block_on(*bench.loop, bench.server.announce(announced("u1"))));
  REQUIRE(io::block_on(*bench.loop, bench.server.withdraw("u1")));
  CHECK(old_one.keeper.told == std::vector<std::string>{"keep", "remove u1"});
  CHECK(new_one.keeper.told ==
        std::vector<std::string>{"keep", "add u1 with listeners", "remove u1"});
}

TEST_CASE("a ztunnel of Istio's gets the netns alone") {
  Bench bench;
  bench.pods = {"u1"};
  const Fd peer = bench.peer(control::encode_hello({.takes_listeners = false}));
  net::Message message;
  io::Scope scope(*bench.loop);
  scope.spawn([](io::Loop& loop, int fd, net::Message& out) -> io::Task<> {
    auto got = co_await net::receive_message(loop, fd, control::kZdsPacketBytesMax);
    if (got) {
      out = std::move(*got);
    }
  }(*bench.loop, peer.get(), message));
  REQUIRE(bench.within(3s, [&] { return scope.empty(); }));
  CHECK(message.fds.size() == 1);
  const auto request = control::decode_request(as_text(message.bytes));
  REQUIRE(request);
  CHECK(std::get<control::ZdsAdd>(*request).uid == "u1");
}

TEST_CASE("a peer that speaks out of turn, or no ZDS at all, is cut off") {
  Bench bench;
  SUBCASE("bytes that nobody asked for") {
    const Fd peer = bench.peer(control::encode_hello({.takes_listeners = true}));
    CHECK(bench.heard(peer) != "closed");  // SnapshotSent
    const std::string ack = control::encode_ack("");
    REQUIRE(::send(peer.get(), ack.data(), ack.size(), 0) > 0);
    CHECK(bench.within(3s, [&] { return bench.server.ztunnels().front().synced; }));
    REQUIRE(::send(peer.get(), ack.data(), ack.size(), 0) > 0);
    CHECK(bench.heard(peer) == "closed");
  }
  SUBCASE("no hello") {
    const Fd peer = bench.peer("\xff\xff\xff");
    CHECK(bench.heard(peer) == "closed");
    CHECK(bench.admitted.empty());
  }
  SUBCASE("a version that does not exist") {
    const Fd peer = bench.peer(std::string("\x08\x02", 2));
    CHECK(bench.heard(peer) == "closed");
  }
  SUBCASE("a cgroup that can't be exempt") {
    bench.refuse = true;
    const Fd peer = bench.peer(control::encode_hello({.takes_listeners = true}));
    CHECK(bench.heard(peer) == "closed");
    CHECK(bench.server.ztunnels().empty());
  }
}

TEST_CASE("an announcement to a ztunnel that dies before it answers fails at once") {
  Bench bench;
  std::optional<Fd> peer = bench.peer(control::encode_hello({.takes_listeners = true}));
  CHECK(bench.heard(*peer) != "closed");
  const std::string ack = control::encode_ack("");
  REQUIRE(::send(peer->get(), ack.data(), ack.size(), 0) > 0);
  Result<> outcome;
  io::Scope scope(*bench.loop);
  scope.spawn([](ZdsServer& server, Result<>& out) -> io::Task<> {
    out = co_await as_result(server.announce(announced("u1")));
  }(bench.server, outcome));
  CHECK(bench.heard(*peer) != "closed");  // the Add
  peer.reset();
  REQUIRE(bench.within(1s, [&] { return scope.empty(); }));
  REQUIRE(!outcome);
  CHECK(outcome.error().code == Errc::unavailable);
}

TEST_CASE("messages are read as they were written, and fit into a packet or are refused") {
  CHECK(control::decode_hello(control::encode_hello({.takes_listeners = true}))->takes_listeners);
  const auto del = control::decode_request(*control::encode_request(control::ZdsDel{"u1"}));
  CHECK(std::get<control::ZdsDel>(*del).uid == "u1");
  // Field 2, as Istio has it, not 1.
  CHECK(*control::encode_request(control::ZdsDel{"u1"}) == std::string("\x12\x04\x12\x02u1", 6));
  CHECK(*control::encode_request(control::ZdsKeep{"u1"}) == std::string("\x2a\x04\x0a\x02u1", 6));
  CHECK(!control::encode_request(control::ZdsKeep{std::string(2000, 'u')}));
  CHECK(control::encode_ack(std::string(5000, 'e')).size() <= control::kZdsPacketBytesMax);
  CHECK(*control::decode_ack(control::encode_ack("no room")) == "no room");
  // An Add without workload_info.
  CHECK(!control::decode_request(std::string("\x0a\x04\x0a\x02u1", 6)));
}

}  // namespace culvert::enrol
