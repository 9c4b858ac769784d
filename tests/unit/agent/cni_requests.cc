// What the CNI plugin and a check ask beside enrolling: is a pod in the mesh at all, is it whole,
// which sandbox is gone.
// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/agent/enrolment_bench.h"

namespace culvert::enrol {

TEST_CASE("a pod that belongs outside passes at once, and nothing is done to it") {
  Bench bench;
  bench.enrolment->set_plain({"u1"}, {});
  bench.enrolment->set_wanted({}, true);
  const auto began = bench.loop->now();
  CHECK(*bench.add() == Place::outside);
  CHECK(bench.loop->now() - began < 40ms);
  CHECK(bench.diary.told().empty());
}

TEST_CASE("a source that is not complete is not believed that a pod belongs outside") {
  Bench bench;
  bench.enrolment->set_plain({"u1"}, {});
  bench.enrolment->set_wanted({}, false);
  CHECK(bench.add().error().code == Errc::not_found);
}

TEST_CASE("of a pod that stays unknown its namespace decides") {
  Bench bench;
  bench.enrolment->set_wanted({}, true);
  bench.enrolment->set_plain({}, {.mesh = cni::Namespaces{"till"}, .exempt = {}});
  CHECK(*bench.add() == Place::outside);
  bench.enrolment->set_plain({}, {.mesh = cni::Namespaces{"shop"}, .exempt = {}});
  CHECK(bench.add().error().code == Errc::not_found);
  bench.enrolment->set_plain({}, {.mesh = cni::Namespaces{"shop"}, .exempt = {"shop"}});
  CHECK(*bench.add() == Place::outside);
}

TEST_CASE("a DEL of an earlier sandbox does not touch the pod in its new one") {
  Bench bench;
  bench.enrolment->set_wanted({local_pod()}, true);
  REQUIRE(bench.add());
  const auto del = [&] {
    return io::block_on(*bench.loop, bench.enrolment->remove({.uid = "u1", .netns = some_fd()}));
  };
  bench.kernel.next_cookie = 6;
  CHECK(del());
  CHECK(bench.enrolment->captured_uids() == std::set<std::string>{"u1"});
  bench.kernel.next_cookie = 7;
  CHECK(del());
  CHECK(bench.enrolment->pods().empty());
}

TEST_CASE("a check asks the kernel") {
  Bench bench;
  const auto check = [&] {
    return io::block_on(
        *bench.loop,
        bench.enrolment->check({.uid = "u1", .ns = "shop", .name = "cart", .netns = some_fd()}));
  };
  bench.enrolment->set_plain({"u1"}, {});
  bench.enrolment->set_wanted({}, true);
  CHECK(*check() == Place::outside);
  bench.enrolment->set_wanted({local_pod()}, true);
  CHECK(check().error().code == Errc::unavailable);
  REQUIRE(bench.add());
  CHECK(*check() == Place::captured);
  bench.kernel.held_pods.front().steered = false;
  CHECK(check().error().code == Errc::unavailable);
}

TEST_CASE("a pod that should be captured and is not, or not wholly, is a shortfall by name") {
  Bench bench;
  bench.enrolment->set_wanted({running_pod()}, true);
  REQUIRE(bench.enrolment->shortfalls().size() == 1);
  CHECK(bench.enrolment->shortfalls()[0].contains("shop/cart"));
  REQUIRE(bench.add());
  CHECK(bench.enrolment->shortfalls().empty());
  bench.kernel.held_pods.front().captured = false;
  CHECK(bench.enrolment->shortfalls().size() == 1);
  bench.enrolment->set_wanted({local_pod()}, true);  // it has no address yet: it is starting
  CHECK(bench.enrolment->shortfalls().empty());
}

}  // namespace culvert::enrol
