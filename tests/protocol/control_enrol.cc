// Clients of the enrol socket that misbehave: each is told in one sentence or cut off, no pod
// changes, and a plugin that behaves is served meanwhile.
// SPDX-License-Identifier: Apache-2.0
#include "agent/enrol/enrol_socket.h"
#include "tests/protocol/control_socket.h"
#include "tests/unit/agent/fake_node.h"

namespace culvert::protocol {
namespace {

constexpr io::Duration kPatience = 300ms;

const std::string kAdd = R"({"op":"add","uid":"u1","namespace":"shop","name":"cart"})";
const std::string kDel = R"({"op":"del","uid":"u1","namespace":"shop","name":"cart"})";

struct Bench {
  LogLines log;
  std::unique_ptr<io::Loop> loop = io::make_epoll_loop();
  ScratchFolder folder;
  enrol::Diary diary;
  enrol::FakeKernel kernel{diary};
  enrol::FakeAnnouncer announcer{diary};
  enrol::NoNotices notices;
  enrol::Enrolment enrolment{*loop,
                             kernel,
                             announcer,
                             notices,
                             {.node = "east",
                              .records_path = folder / "records",
                              .source_wait = 20ms,
                              .address_wait = 2s,
                              .drain_time = 100ms}};
  enrol::EnrolSocket server{*loop, enrolment, kPatience};
  AgentSocket socket{*loop, server, net::UnixType::seqpacket};

  Bench() {
    enrolment.set_wanted({{.uid = "u1",
                           .ns = "shop",
                           .name = "cart",
                           .service_account = "cart",
                           .trust_domain = "cluster.local",
                           .ips = {}}},
                         true);
  }
  ~Bench() { (void)block_on(*loop, enrolment.stop()); }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  std::string ask(const std::string& bytes, std::size_t fds = 0) {
    const Fd peer = socket.connect();
    socket.say(peer, bytes, fds);
    return socket.heard(peer);
  }
  // A plugin of another pod's life: it enrols the pod and takes it away again.
  void check_neighbour() {
    CHECK(ask(kAdd, 1) == R"({"ok":true,"state":"captured"})");
    CHECK(enrolment.pods().size() == 1);
    CHECK(ask(kDel) == R"({"ok":true})");
    CHECK(enrolment.pods().empty());
  }
};

TEST_CASE("a request that can't be understood is told why, counted, and logged once") {
  Bench bench;
  const std::string deep(enrol::kEnrolRequestBytesMax, '[');
  struct Row {
    const char* fault;
    std::string bytes;
    std::size_t fds;
    const char* told;
  };
  const Row rows[] = {
      {"garbage", "\xff\xff\xff", 0, "the request is no JSON object"},
      {"half of one", kAdd.substr(0, 30), 1, "the request is no JSON object"},
      {"an array", "[]", 0, "the request is no JSON object"},
      {"4096 open brackets", deep, 0, "the request is no JSON object"},
      {"an op that does not exist", R"({"op":"eat","uid":"u","namespace":"n","name":"p"})", 0,
       "must be add, check, del or status"},
      {"no uid", R"({"op":"del","namespace":"n","name":"p"})", 0, "is missing or no text"},
      {"a number for a name", R"({"op":"del","uid":"u","namespace":"n","name":7})", 0,
       "is missing or no text"},
      {"text that is not UTF-8", "{\"op\":\"del\",\"uid\":\"\xff\"}", 0, "no JSON object"},
      {"an add without a descriptor", kAdd, 0, "came with 0 descriptors"},
      {"an add with two", kAdd, 2, "came with 2 descriptors"},
      {"a del with two", kDel, 2, "came with 2 descriptors"},
      {"a pod nobody knows", R"({"op":"add","uid":"u2","namespace":"shop","name":"x"})", 1, ""},
      {"a uid of 4000 bytes",
       R"({"op":"add","namespace":"n","name":"p","uid":")" + std::string(4000, 'u') + R"("})", 1,
       ""},
      {"a uid of one pod and the name of another",
       R"({"op":"add","uid":"u1","namespace":"shop","name":"till"})", 1, ""},
  };
  std::uint64_t refused = 0;
  for (const auto& row : rows) {
    INFO(std::string(row.fault));
    const std::string told = bench.ask(row.bytes, row.fds);
    INFO(told);
    CHECK(told.starts_with(R"({"error":")"));
    CHECK(told.find(row.told) != std::string::npos);
    CHECK(told.ends_with(R"("ok":false})"));
    CHECK(bench.server.refusals() == ++refused);
  }
  CHECK(bench.log.with("request failed") == 1);
  CHECK(bench.enrolment.pods().empty());
  CHECK(bench.diary.steps.empty());  // nothing was done to any netns
  bench.check_neighbour();
}

TEST_CASE("unknown fields are let go, and of a field that comes twice the last one counts") {
  Bench bench;
  CHECK(bench.ask(R"({"more":[1],"op":"eat","op":"del","uid":"u9","namespace":"n","name":"p"})") ==
        R"({"ok":true})");
  CHECK(bench.server.refusals() == 0);
}

TEST_CASE("a request that is too long, or brings too many descriptors, is the connection's end") {
  Bench bench;
  CHECK(bench.ask(kAdd + std::string(enrol::kEnrolRequestBytesMax, ' '), 1) == "closed");
  CHECK(bench.ask(kAdd, net::kMessageFdsMax + 1) == "closed");
  CHECK(bench.ask(std::string(100'000, '{')) == "closed");
  CHECK(bench.socket.within(3s, [&] { return bench.socket.offences() == 3; }));
  CHECK(bench.log.with("connection ended") == 1);
  bench.check_neighbour();
}

TEST_CASE("connections that say nothing, or take no answer, give their places back") {
  Bench bench;
  std::vector<Fd> peers;
  for (std::size_t i = 0; i < agent::RootSocket::kConnectionsMax; ++i) {
    peers.push_back(bench.socket.connect());
    if (i % 2 == 0) {
      continue;  // says nothing
    }
    // The kernel takes a few requests for us, and then as many answers for the peer as it will.
    for (int j = 0; j < 10; ++j) {
      bench.socket.say(peers.back(), kDel);
    }
  }
  CHECK(bench.socket.heard(bench.socket.connect()) == "closed");
  std::size_t refused = 1;
  CHECK(bench.socket.within(5s, [&] {
    const auto heard = bench.ask(kDel);
    refused += heard == "closed" ? 1 : 0;
    return heard == R"({"ok":true})";  // as soon as there is a place
  }));
  // Each of them has given its place back: those who were refused count as well.
  CHECK(bench.socket.within(
      5s, [&] { return bench.socket.offences() >= agent::RootSocket::kConnectionsMax + refused; }));
  CHECK(bench.log.with("too many at a time") == 1);
  CHECK(bench.log.with("connection ended") == 1);
  peers.clear();
  bench.check_neighbour();
}

TEST_CASE("a client that leaves in the middle of its request's work changes nothing for others") {
  Bench bench;
  bench.kernel.tentative = 3;  // the add takes a while
  {
    const Fd peer = bench.socket.connect();
    bench.socket.say(peer, kAdd, 1);
    CHECK(!bench.socket.within(10ms, [] { return false; }));
  }
  CHECK(bench.socket.within(3s, [&] {
    return !bench.enrolment.pods().empty() && bench.enrolment.pods().front().state == "captured";
  }));
  CHECK(bench.ask(kAdd, 1) == R"({"ok":true,"state":"captured"})");  // repeating it is success
  CHECK(bench.ask(kDel) == R"({"ok":true})");
  CHECK(bench.socket.offences() == 0);
}

}  // namespace
}  // namespace culvert::protocol
