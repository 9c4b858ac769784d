// A ztunnel that misbehaves, against the agent's ZDS server: it is cut off, the pods stay as they
// are, and another ztunnel is served meanwhile.
// SPDX-License-Identifier: Apache-2.0
#include "agent/enrol/zds_server.h"
#include "tests/protocol/control_socket.h"
#include "ztunnel/proxy/zds_client.h"

namespace culvert::protocol {
namespace {

enrol::AnnouncedPod announced(const std::string& uid) {
  auto fds = std::make_shared<enrol::PodFds>();
  fds->netns = null_fd();
  fds->listeners = {.outbound = null_fd(), .inbound = null_fd(), .hbone = null_fd()};
  return {.add = {.uid = uid, .workload = {.name = "cart", .ns = "shop", .service_account = "sa"}},
          .fds = std::move(fds)};
}

class Keeper final : public proxy::PodKeeper {
 public:
  io::Task<> add(proxy::ZdsPod pod) override {
    told += " +" + pod.uid;
    co_return;
  }
  io::Task<> remove(std::string uid) override {
    told += " -" + uid;
    co_return;
  }
  io::Task<> keep_only(std::set<std::string> uids) override {
    told += " =" + std::to_string(uids.size());
    co_return;
  }
  std::string told;
};

// The server, two pods, and a ztunnel that behaves.
struct Bench {
  LogLines log;
  std::unique_ptr<io::Loop> loop = io::make_epoll_loop();
  int left = 0;
  enrol::ZdsServer server{*loop,
                          "zds.sock",
                          {.snapshot =
                               [] {
                                 std::vector<enrol::AnnouncedPod> pods;
                                 pods.push_back(announced("u1"));
                                 pods.push_back(announced("u2"));
                                 return pods;
                               },
                           .admit = [](pid_t) { return Result<>(); },
                           .left = [this] { ++left; }},
                          20ms};
  AgentSocket socket{*loop, server, net::UnixType::seqpacket};
  Keeper keeper;
  io::Scope scope{*loop, io::Scope::OnFailure::ignore};
  proxy::ZdsClient neighbour{*loop, socket.path(), keeper};

  Bench() {
    scope.spawn(neighbour.run());
    CHECK(socket.within(3s, [&] { return neighbour.state() == proxy::ZdsClient::State::synced; }));
  }
  ~Bench() {
    scope.cancel();
    while (!scope.empty()) {
      (void)loop->turn();
    }
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  // The neighbour hears of a pod that goes, on the session that it has.
  void check_neighbour() {
    CHECK(block_on(*loop, server.withdraw("u9")));
    CHECK(keeper.told == " +u1 +u2 =2 -u9");
    keeper.told = " +u1 +u2 =2";
    CHECK(neighbour.state() == proxy::ZdsClient::State::synced);
  }
  bool is_alone() {
    return socket.within(3s, [&] { return server.ztunnels().size() == 1; });
  }
  // until_closed acknowledges what comes, `before` of them, then says `bytes`.
  std::string until_closed(const Fd& peer, int before, const std::string& bytes,
                           std::size_t fds = 0) {
    for (int i = 0; i < before; ++i) {
      CHECK(socket.heard(peer) != "closed");
      socket.say(peer, control::encode_ack(""));
    }
    socket.say(peer, bytes, fds);
    std::string last = "x";
    for (int i = 0; i < 5 && last != "closed" && last != "nothing"; ++i) {
      last = socket.heard(peer, 500ms);
    }
    return last;
  }
};

const std::string kHello = control::encode_hello({.takes_listeners = true});

TEST_CASE("a hello that is none is the end of that connection, before it hears of any pod") {
  struct Row {
    const char* fault;
    std::string bytes;
    std::size_t fds;
  };
  const Row rows[] = {
      {"garbage", "\xff\xff\xff", 0},
      {"cut off", std::string("\x08", 1), 0},
      {"a version that does not exist", std::string("\x08\x63", 2), 0},
      {"longer than a packet may be", std::string(control::kZdsPacketBytesMax + 1, '\0'), 0},
      {"more descriptors than fit", kHello, net::kMessageFdsMax + 1},
      {"an empty packet", "", 0},
  };
  for (const auto& row : rows) {
    INFO(std::string(row.fault));
    Bench bench;
    const Fd peer = bench.socket.connect();
    bench.socket.say(peer, row.bytes, row.fds);
    CHECK(bench.socket.heard(peer) == "closed");
    CHECK(bench.server.ztunnels().size() == 1);
    CHECK(bench.left == 0);
    CHECK(bench.socket.within(3s, [&] { return bench.log.with("connection ended") == 1; }));
    bench.check_neighbour();
  }
}

TEST_CASE("an answer that is none ends the session, and no pod with it") {
  struct Row {
    const char* fault;
    std::string bytes;
    std::size_t fds;
    int before;  // acknowledgements that are good
  };
  const std::string ack = control::encode_ack("");
  const Row rows[] = {
      {"garbage", "\xff\xff\xff", 0, 0},
      {"garbage later", "\xff\xff\xff", 0, 2},
      {"no acknowledgement in it", std::string("\xfa\x3e\x01x", 4), 0, 1},
      {"longer than a packet may be", std::string(5000, 'x'), 0, 1},
      {"more descriptors than fit", ack, net::kMessageFdsMax + 1, 1},
      {"one too many", ack, 0, 3},
      {"hello again, out of turn", kHello, 0, 3},
  };
  for (const auto& row : rows) {
    INFO(std::string(row.fault));
    Bench bench;
    const Fd peer = bench.socket.connect();
    bench.socket.say(peer, kHello);
    CHECK(bench.until_closed(peer, row.before, row.bytes, row.fds) == "closed");
    CHECK(bench.is_alone());
    CHECK(bench.left == 1);
    INFO(bench.log.all());
    CHECK(bench.socket.within(3s, [&] { return bench.log.with("connection ended") == 1; }));
    CHECK(bench.log.with("\terror\t") == 0);
    bench.check_neighbour();
  }
}

TEST_CASE("unknown fields and descriptors nobody asked for are let go") {
  Bench bench;
  const Fd peer = bench.socket.connect();
  bench.socket.say(peer, kHello + "\xfa\x3e\x01x");
  for (int i = 0; i < 3; ++i) {
    CHECK(bench.socket.heard(peer) != "closed");
    bench.socket.say(peer, control::encode_ack("") + "\xfa\x3e\x01x", net::kMessageFdsMax);
  }
  CHECK(bench.socket.within(3s, [&] { return bench.server.ztunnels().back().synced; }));
  bench.check_neighbour();  // sends the peer a Del as well
}

TEST_CASE("a ztunnel that refuses a pod again and again is asked again and logged once") {
  Bench bench;
  const Fd peer = bench.socket.connect();
  bench.socket.say(peer, kHello);
  for (int i = 0; i < 2; ++i) {
    CHECK(bench.socket.heard(peer) != "closed");
    bench.socket.say(peer, control::encode_ack(std::string(5000, 'e')));
  }
  CHECK(bench.socket.heard(peer) != "closed");  // SnapshotSent
  bench.socket.say(peer, control::encode_ack(""));
  for (int i = 0; i < 20; ++i) {
    CHECK(bench.socket.heard(peer) != "closed");
    bench.socket.say(peer, control::encode_ack("still no"));
  }
  CHECK(bench.log.with("ztunnel does not serve a pod") == 2);  // two pods
  CHECK(bench.server.ztunnels().size() == 2);
}

TEST_CASE("a ztunnel that dies at any moment of the replay leaves nothing behind") {
  Bench bench;
  for (int moment = 0; moment < 12; ++moment) {
    Fd peer = bench.socket.connect();
    bench.socket.say(peer, kHello);
    for (int i = 0; i < moment / 3; ++i) {
      CHECK(bench.socket.heard(peer) != "closed");
      bench.socket.say(peer, control::encode_ack(""));
    }
    if (moment % 3 == 1) {
      CHECK(bench.socket.heard(peer, 100ms) != "closed");  // a request that it takes along
    }
  }
  CHECK(bench.is_alone());
  CHECK(bench.socket.within(3s, [&] { return bench.left >= 9; }));
  CHECK(bench.socket.offences() == 0);  // to leave is none
  bench.check_neighbour();
}

TEST_CASE("a peer without a hello, and one that never acknowledges, are left after five seconds") {
  Bench bench;
  const Fd silent = bench.socket.connect();
  const Fd busy = bench.socket.connect();
  bench.socket.say(busy, kHello);
  CHECK(bench.socket.heard(busy) != "closed");  // an Add
  CHECK(bench.socket.within(3s, [&] { return bench.server.ztunnels().size() == 2; }));
  const auto since = io::Clock::now();
  CHECK(bench.socket.heard(silent, 7s) == "closed");
  CHECK(bench.socket.heard(busy, 2s) == "closed");
  CHECK(io::Clock::now() - since > 4s);
  CHECK(bench.is_alone());
  CHECK(bench.log.with("connection ended") <= 2);
  bench.check_neighbour();
}

}  // namespace
}  // namespace culvert::protocol
