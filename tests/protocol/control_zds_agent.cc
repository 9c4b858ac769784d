// An agent that misbehaves, against ztunnel's ZDS client: the pods are served as they were, a bad
// session is made anew without a storm, and no descriptor is kept.
// SPDX-License-Identifier: Apache-2.0
#include "tests/protocol/control_socket.h"
#include "ztunnel/lib/control/proto/zds.pb.h"
#include "ztunnel/proxy/zds_client.h"

namespace culvert::protocol {
namespace {

// Serves pods by their uids; its set is what must survive.
class Keeper final : public proxy::PodKeeper {
 public:
  io::Task<> add(proxy::ZdsPod pod) override {
    pods.insert(pod.uid);
    co_return;
  }
  io::Task<> remove(std::string uid) override {
    pods.erase(uid);
    co_return;
  }
  io::Task<> keep_only(std::set<std::string> uids) override {
    std::erase_if(pods, [&](const auto& uid) { return !uids.contains(uid); });
    co_return;
  }
  std::set<std::string> pods;
};

// Takes the client's connections; the test plays the agent on the newest of them.
class Door final : public agent::Attendant {
 public:
  explicit Door(io::Loop& loop) : loop_(loop) {}
  io::Task<> attend(Fd connection, net::PeerCredentials) override {
    newest = std::make_shared<Fd>(std::move(connection));
    ++sessions;
    co_await loop_.sleep(1h);  // the test's own copy lives on; this one's place is kept
  }
  std::shared_ptr<Fd> newest;
  int sessions = 0;

 private:
  io::Loop& loop_;
};

struct Bench {
  LogLines log;
  std::unique_ptr<io::Loop> loop = io::make_epoll_loop();
  Door door{*loop};
  AgentSocket socket{*loop, door, net::UnixType::seqpacket};
  Keeper keeper;
  int lost = 0;
  io::Scope scope{*loop, io::Scope::OnFailure::ignore};
  proxy::ZdsClient client{*loop, socket.path(), keeper, [this] { ++lost; }};

  Bench() {
    scope.spawn(client.run());
    CHECK(next_session());
  }
  ~Bench() {
    scope.cancel();
    while (!scope.empty()) {
      (void)loop->turn();
    }
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  // next_session waits for a session that the test has not had, and takes its hello.
  bool next_session() {
    const bool came = socket.within(3s, [&] { return door.sessions > had; });
    had = door.sessions;
    return came && control::decode_hello(socket.heard(*door.newest)).has_value();
  }
  // ask gives the acknowledgement's error, "" for none, or "closed".
  std::string ask(const std::string& bytes, std::size_t fds = 0) {
    socket.say(*door.newest, bytes, fds);
    const std::string heard = socket.heard(*door.newest);
    return heard == "closed" || heard == "nothing" ? heard : *control::decode_ack(heard);
  }
  void first_snapshot() {
    CHECK(ask(*control::encode_request(control::ZdsAdd{"u1", {"a", "s", "x"}}), 4).empty());
    CHECK(ask(*control::encode_request(control::ZdsAdd{"u2", {"b", "s", "x"}}), 1).empty());
    CHECK(ask(*control::encode_request(control::ZdsSnapshotSent{})).empty());
  }
  int had = 0;
};

std::string add(const std::string& uid) {
  return *control::encode_request(control::ZdsAdd{uid, {"a", "s", "x"}});
}

const std::set<std::string> kBoth{"u1", "u2"};

TEST_CASE("an Add that can't be taken is refused by its acknowledgement, and the session goes on") {
  Bench bench;
  bench.first_snapshot();
  for (const std::size_t fds : {0U, 2U, 3U, 5U, 16U}) {
    CAPTURE(fds);
    CHECK(bench.ask(add("u3"), fds).find("descriptors instead of 1 or 4") != std::string::npos);
  }
  CHECK(bench.ask(add("u3"), 1).empty());
  CHECK(bench.ask(add("u1"), 4).empty());  // the same uid again: fresh listeners
  CHECK(bench.ask(*control::encode_request(control::ZdsDel{"nobody"})).empty());
  CHECK(bench.keeper.pods == std::set<std::string>{"u1", "u2", "u3"});
  CHECK(bench.lost == 0);
  CHECK(bench.log.with("\twarn\t") == 0);
}

TEST_CASE("a message that is none ends the session, the pods stay, and the client comes back") {
  struct Row {
    const char* fault;
    std::string bytes;
    std::size_t fds;
  };
  const std::string no_workload("\x0a\x04\x0a\x02u9", 6);
  const Row rows[] = {
      {"garbage", "\xff\xff\xff", 0},
      {"an Add cut off", add("u9").substr(0, 7), 1},
      {"longer than a packet may be", std::string(control::kZdsPacketBytesMax + 1, 'x'), 4},
      {"more descriptors than fit", add("u9"), net::kMessageFdsMax + 1},
      {"no payload", std::string("\xfa\x3e\x01x", 4), 0},
      {"an Add without workload_info", no_workload, 1},
      {"a Del with a descriptor", *control::encode_request(control::ZdsDel{"u1"}), 1},
      {"a second SnapshotSent", *control::encode_request(control::ZdsSnapshotSent{}), 0},
      {"a Keep after the snapshot", *control::encode_request(control::ZdsKeep{"u1"}), 0},
      {"an empty packet", "", 0},
  };
  for (const auto& row : rows) {
    INFO(std::string(row.fault));
    Bench bench;
    bench.first_snapshot();
    CHECK(bench.ask(row.bytes, row.fds) == "closed");
    CHECK(bench.keeper.pods == kBoth);
    CHECK(bench.next_session());
    CHECK(bench.lost == 1);
    CHECK(bench.log.with("no session with the agent") == 1);
    bench.first_snapshot();
    CHECK(bench.keeper.pods == kBoth);
  }
}

TEST_CASE("an agent that dies in the middle of a snapshot takes no pod away") {
  Bench bench;
  bench.first_snapshot();
  for (int i = 0; i < 5; ++i) {
    ::shutdown(bench.door.newest->get(), SHUT_RDWR);
    CHECK(bench.next_session());
    CHECK(bench.ask(add("u1"), 4).empty());  // u2 is not named
    CHECK(bench.keeper.pods == kBoth);
  }
  CHECK(bench.lost == 5);
  CHECK(bench.log.with("no session with the agent") == 1);  // one a minute
}

TEST_CASE("an agent that breaks every session is met two times a second, in one log line") {
  Bench bench;
  bench.first_snapshot();
  const auto until = io::Clock::now() + 2s;
  int sessions = 0;
  while (io::Clock::now() < until) {
    CHECK(bench.ask("\xff\xff") == "closed");
    CHECK(bench.next_session());
    ++sessions;
  }
  CHECK(sessions <= 12);  // 10 ms, doubled up to 500
  CHECK(bench.keeper.pods == kBoth);
  CHECK(bench.log.with("\twarn\t") == 1);
}

TEST_CASE("requests that do not wait for their acknowledgements are answered in order") {
  Bench bench;
  std::vector<std::string> told;
  bench.socket.say(*bench.door.newest, add("u1"), 4);
  bench.socket.say(*bench.door.newest, add("bad"), 2);
  bench.socket.say(*bench.door.newest, *control::encode_request(control::ZdsSnapshotSent{}));
  for (int i = 0; i < 3; ++i) {
    told.push_back(*control::decode_ack(bench.socket.heard(*bench.door.newest)));
  }
  CHECK(told[0].empty());
  CHECK(told[1].find("2 descriptors") != std::string::npos);
  CHECK(told[2].empty());
  CHECK(bench.keeper.pods == std::set<std::string>{"u1"});
}

}  // namespace
}  // namespace culvert::protocol
