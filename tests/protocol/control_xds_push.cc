// Pushes that can't be understood, in whole or in part: what is good is applied, what is bad is
// refused by name, and policies fail closed.
// SPDX-License-Identifier: Apache-2.0
#include "tests/protocol/control_mesh.h"
#include "ztunnel/lib/policy/authorize.h"

namespace culvert::protocol {
namespace {

const char* const kAddress = control::kAddressType;
const char* const kAuthorization = control::kAuthorizationType;

io::Task<> send_fresh_and(XdsStream& stream, std::string name, std::string bytes) {
  auto response = pods({"fresh"});
  put(response, name, bytes);
  co_await stream.send(std::move(response));
  co_await stream.hear();
}

struct AddressRow {
  const char* fault;
  XdsAct act;  // sends "fresh", which is good, and what is bad
  const char* refusal;
};

TEST_CASE("a resource that is bad is refused by name, and the rest of its push is applied") {
  const AddressRow rows[] = {
      {"garbage",
       [](XdsStream& s) -> io::Task<> { co_await send_fresh_and(s, uid("cart"), "\xff\xff"); },
       "cart: the bytes are no istio.workload.Address"},
      {"nothing at all",
       [](XdsStream& s) -> io::Task<> { co_await send_fresh_and(s, uid("cart"), ""); },
       "cart: an address is neither a workload nor a service"},
      {"an address of five bytes",
       [](XdsStream& s) -> io::Task<> {
         auto bad = pod("cart");
         bad.mutable_workload()->add_addresses("12345");
         co_await send_fresh_and(s, uid("cart"), bad.SerializeAsString());
       },
       "cart: "},
      {"a port over 65535",
       [](XdsStream& s) -> io::Task<> {
         auto bad = pod("cart");
         (*bad.mutable_workload()->mutable_services())["shop/web"].add_ports()->set_target_port(
             65536);
         co_await send_fresh_and(s, uid("cart"), bad.SerializeAsString());
       },
       "cart: port 65536 is over 65535"},
      {"a tunnel that is not known",
       [](XdsStream& s) -> io::Task<> {
         auto bad = pod("cart");
         bad.mutable_workload()->set_tunnel_protocol(istio::workload::LEGACY_ISTIO_MTLS);
         co_await send_fresh_and(s, uid("cart"), bad.SerializeAsString());
       },
       "cart: tunnel protocol 2 is not known here"},
      {"more than 4 MiB",
       [](XdsStream& s) -> io::Task<> {
         auto bad = pod("cart");
         bad.mutable_workload()->set_node(std::string(5 << 20, 'n'));
         co_await send_fresh_and(s, uid("cart"), bad.SerializeAsString());
       },
       "is over the limit of 4194304"},
      {"the name of another",
       [](XdsStream& s) -> io::Task<> {
         co_await send_fresh_and(s, uid("till"), pod("cart").SerializeAsString());
       },
       "till: the resource holds Kubernetes//Pod/shop/cart instead"},
      {"a good one and then a bad one of one name",
       [](XdsStream& s) -> io::Task<> { co_await send_fresh_and(s, uid("fresh"), "\xff"); },
       "fresh: the bytes are no istio.workload.Address"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.fault);
    ControlMesh node;
    node.plane.scripts = {{first_push, row.act, stay}};
    node.pass(1s);
    INFO(node.log.all());
    CHECK(node.plane.streams == 1);
    CHECK(node.knows("fresh"));
    CHECK(node.knows("cart"));
    CHECK(node.mesh()->workload(uid("cart"))->addresses.size() == 1);
    CHECK(node.knows("till"));
    CHECK(node.plane.refusals() == 1);
    CHECK(node.plane.last_refusal().find(row.refusal) != std::string::npos);
    CHECK(node.refused(kAddress) == 1);
    CHECK(node.log.with("resources were refused") == 1);
    CHECK(node.log.with("\twarn\t") == 1);
  }
}

TEST_CASE("what is only unusual is taken and acknowledged") {
  struct Row {
    const char* what;
    XdsAct act;
  };
  const Row rows[] = {
      {"unknown fields everywhere",
       [](XdsStream& s) -> io::Task<> {
         auto response = push(kAddress, "n");
         put(response, uid("fresh"), pod("fresh").SerializeAsString() + "\xfa\x3e\x01x");
         co_await s.send_bytes(framed(response.SerializeAsString() + "\xfa\x3e\x01x"));
         co_await s.hear();
       }},
      {"one name twice in a push",
       [](XdsStream& s) -> io::Task<> {
         co_await s.send(pods({"fresh", "fresh"}));
         co_await s.hear();
       }},
      {"the removal of what was never there",
       [](XdsStream& s) -> io::Task<> {
         auto response = pods({"fresh"});
         response.add_removed_resources("never/there");
         response.add_removed_resources("");
         co_await s.send(std::move(response));
         co_await s.hear();
       }},
      {"a nonce of 1 MiB, and none",
       [](XdsStream& s) -> io::Task<> {
         auto response = pods({"fresh"});
         response.set_nonce(std::string(1 << 20, 'n'));
         co_await s.send(response);
         co_await s.hear();
         CHECK(s.heard.back().response_nonce().size() == 1 << 20);
         response.clear_nonce();
         co_await s.send(response);
         co_await s.hear();
       }},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    ControlMesh node;
    node.plane.scripts = {{first_push, row.act, stay}};
    node.pass(1s);
    CHECK(node.plane.streams == 1);
    CHECK(node.knows("fresh"));
    CHECK(node.plane.refusals() == 0);
    CHECK(node.plane.heard.size() >= 5);
    CHECK(node.log.with("\twarn\t") == 0);
  }
}

TEST_CASE("a first push that is bad does not keep the node from starting") {
  ControlMesh node;
  node.plane.scripts = {{[](XdsStream& s) -> io::Task<> {
                           co_await s.answer();
                           co_await s.hear();
                           co_await s.hear();
                           auto addresses = pods({"fresh"});
                           put(addresses, uid("cart"), "\xff");
                           co_await s.send(std::move(addresses));
                           auto policies = push(kAuthorization, "p");
                           put(policies, "shop/locked", "\xff");
                           co_await s.send(std::move(policies));
                         },
                         stay}};
  node.pass(1s);
  CHECK(node.ready());
  CHECK(node.plane.refusals() == 2);
  CHECK(node.knows("fresh"));
  CHECK(!node.knows("cart"));
}

struct PolicyRow {
  const char* fault;
  void (*spoil)(istio::security::Match&);
};

// Whether a connection from 10.9.9.9 to port 80 of cart is let in.
bool lets_in(ControlMesh& node) {
  const auto mesh = node.mesh();
  const auto workload = mesh->workload(uid("cart"));
  CHECK(workload != nullptr);
  return workload != nullptr &&
         policy::authorize(*mesh, *workload,
                           {.peer = {},
                            .source = *IpAddress::parse("10.9.9.9"),
                            .destination = *SocketAddress::parse("10.0.0.5:80")})
             .allow;
}

constexpr PolicyRow kSpoiled[] = {
    {"an address of three bytes",
     [](istio::security::Match& m) { m.add_source_ips()->set_address("123"); }},
    {"a block longer than its address",
     [](istio::security::Match& m) {
       auto& block = *m.add_source_ips();
       block.set_address(std::string("\x0a\x00\x00\x00", 4));
       block.set_length(33);
     }},
    {"a port over 65535", [](istio::security::Match& m) { m.add_destination_ports(65536 + 80); }},
    {"a string match of no kind", [](istio::security::Match& m) { m.add_namespaces(); }},
    {"a negative string match of no kind",
     [](istio::security::Match& m) { m.add_not_principals(); }},
    {"a field of tomorrow", [](istio::security::Match& m) { m.MergeFromString("\xfa\x3e\x01x"); }},
};

// Sends the one policy, spoiled; what its name says tells which spoiling.
template <istio::security::Action kAction, std::size_t kRow>
io::Task<> send_policy(XdsStream& stream) {
  auto spoiled = policy("spoiled", kAction);
  if (kAction == istio::security::ALLOW) {
    match_in(spoiled).add_destination_ports(80);  // who overlooks the rest lets it in
  }
  kSpoiled[kRow].spoil(match_in(spoiled));
  auto response = push(kAuthorization, "p");
  put(response, "shop/spoiled", spoiled.SerializeAsString());
  co_await stream.send(std::move(response));
  co_await stream.hear();
}

template <std::size_t... kRows>
void check_policies(std::index_sequence<kRows...>) {
  const XdsAct allows[] = {send_policy<istio::security::ALLOW, kRows>...};
  const XdsAct denies[] = {send_policy<istio::security::DENY, kRows>...};
  for (std::size_t row = 0; row < sizeof...(kRows); ++row) {
    CAPTURE(kSpoiled[row].fault);
    for (const auto& act : {allows[row], denies[row]}) {
      ControlMesh node;
      node.plane.scripts = {{first_push, act, stay}};
      node.pass(1s);
      CHECK(!lets_in(node));
      CHECK(node.plane.refusals() == 1);
      CHECK(node.plane.last_refusal().starts_with("shop/spoiled: rule 1: "));
      CHECK(node.refused(kAuthorization) == 1);
      CHECK(node.log.with("resources were refused") == 1);
    }
  }
}

TEST_CASE("a policy with a part that can't be understood fails closed, and the push is refused") {
  {
    ControlMesh node;
    node.plane.scripts = {{first_push, stay}};
    node.pass(1s);
    CHECK(lets_in(node));  // as long as there is no policy
  }
  check_policies(std::make_index_sequence<std::size(kSpoiled)>());
}

TEST_CASE("a resource can't take the place of a policy that it is not named for") {
  ControlMesh node;
  node.plane.scripts = {{first_push,
                         [](XdsStream& s) -> io::Task<> {
                           auto response = push(kAuthorization, "p");
                           auto lock = policy("lock", istio::security::DENY);
                           match_in(lock).add_destination_ports(80);
                           put(response, "shop/lock", lock.SerializeAsString());
                           co_await s.send(response);
                           co_await s.hear();
                           match_in(lock).set_destination_ports(0, 1);
                           response.clear_resources();
                           put(response, "shop/other", lock.SerializeAsString());
                           co_await s.send(response);
                           co_await s.hear();
                         },
                         stay}};
  node.pass(1s);
  CHECK(!lets_in(node));
  CHECK(node.plane.last_refusal() == "shop/other: the resource holds shop/lock instead");
}

io::Task<> push_the_same_for_ever(XdsStream& stream) {
  for (;;) {
    co_await send_fresh_and(stream, uid("cart"), "\xff");
  }
}

TEST_CASE(
    "a bad push that comes again at once for ever is answered once a second and logged little") {
  ControlMesh node;
  node.plane.scripts = {{first_push, push_the_same_for_ever}};
  node.pass(10min);
  CHECK(node.plane.refusals() >= 500);
  CHECK(node.plane.refusals() <= 620);
  CHECK(node.plane.streams == 1);
  CHECK(node.knows("fresh"));
  CHECK(node.log.with("resources were refused") <= 61);
  CHECK(node.log.with("held_back") >= 50);
  CHECK(node.refused(kAddress) >= node.plane.refusals());
}

io::Task<> push_and_never_read(XdsStream& stream) {
  for (;;) {
    co_await stream.send(pods({"fresh"}));
  }
}

TEST_CASE("a control plane that pushes for ever and reads no answer is left after its time") {
  ControlMesh node;
  node.plane.scripts = {{first_push, push_and_never_read}, {first_push, stay}};
  node.pass(29s);
  CHECK(node.plane.streams == 1);
  CHECK(node.knows("fresh"));
  // What it may leave unread: 64 KiB of answers of its window, and 64 of ours.
  CHECK(obs::xds_messages(node.metrics, kAddress).value() < 5000);
  node.pass(3s);
  CHECK(node.plane.streams == 2);
  CHECK(node.log.with("the control plane to read our answers: timed out") == 1);
  CHECK(node.ready());
}

constexpr int kFlood = 5'000;

io::Task<> push_types_nobody_asked_for(XdsStream& stream) {
  for (int i = 0; i < kFlood; ++i) {
    co_await stream.send(push(("type/" + std::to_string(i)).c_str(), "n"));
    co_await stream.hear();
  }
}

TEST_CASE("a flood of tiny messages of types nobody asked for costs one log line and one series") {
  ControlMesh node;
  node.plane.scripts = {{first_push, push_types_nobody_asked_for, stay}};
  node.pass(1s);
  CHECK(node.plane.heard.size() == 4 + kFlood);
  CHECK(node.plane.refusals() == 0);
  CHECK(node.log.with("a type that was not asked for was ignored") == 1);
  CHECK(obs::xds_messages(node.metrics, "other").value() == kFlood);
  CHECK(node.metrics.expose("").body.find("type/7") == std::string::npos);
}

TEST_CASE("a push with thousands of bad resources of long names is one short refusal") {
  ControlMesh node;
  node.plane.scripts = {{first_push,
                         [](XdsStream& s) -> io::Task<> {
                           auto response = pods({"fresh"});
                           for (int i = 0; i < 10'000; ++i) {
                             put(response, "é" + std::string(500, 'x') + std::to_string(i), "\xff");
                           }
                           co_await s.send(std::move(response));
                           co_await s.hear();
                         },
                         stay}};
  node.pass(1s);
  CHECK(node.plane.refusals() == 1);
  CHECK(node.plane.last_refusal().size() <= control::kXdsRefusalBytesMax + 3);
  CHECK(node.knows("fresh"));
  CHECK(node.refused(kAddress) == 10'000);
  CHECK(node.log.with("\twarn\t") == 1);
  CHECK(node.log.with("refused=10000") == 1);
}

}  // namespace
}  // namespace culvert::protocol
