// Enrolment on a node without a kernel, for the tests of a pod's life.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <doctest/doctest.h>

#include "agent/enrol/enrolment.h"
#include "tests/unit/agent/fake_node.h"
#include "tests/unit/agent/scratch_folder.h"

namespace culvert::enrol {

using namespace std::chrono_literals;

inline constexpr const char* kUp = "set_up listen announce capture mark";
inline constexpr const char* kDown = "end_capture end_steering withdraw tear_down";

inline mesh::LocalPod local_pod() {
  return {.uid = "u1",
          .ns = "shop",
          .name = "cart",
          .service_account = "cart",
          .trust_domain = "cluster.local",
          .ips = {}};
}

// The same when its sandbox is there, as the source tells by its address.
inline mesh::LocalPod running_pod() {
  auto pod = local_pod();
  pod.ips = {*IpAddress::parse("10.0.0.5")};
  return pod;
}

struct Bench {
  std::unique_ptr<io::Loop> loop = io::make_epoll_loop();
  ScratchFolder folder;
  Diary diary;
  FakeKernel kernel{diary};
  FakeAnnouncer announcer{diary};
  FakeNotices notices{diary};
  int changes = 0;
  std::unique_ptr<Enrolment> enrolment;

  Bench() { restart(); }
  ~Bench() { stop(); }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  void restart() {
    stop();
    enrolment =
        std::make_unique<Enrolment>(*loop, kernel, announcer, notices,
                                    Enrolment::Options{.node = "east",
                                                       .records_path = folder / kRecordsName,
                                                       .source_wait = 50ms,
                                                       .address_wait = 500ms,
                                                       .drain_time = 300ms,
                                                       .changed = [this] { ++changes; }});
  }
  void stop() {
    if (enrolment) {
      (void)io::block_on(*loop, enrolment->stop());
      enrolment.reset();
    }
  }
  Result<Place> add() {
    return io::block_on(
        *loop, enrolment->add({.uid = "u1", .ns = "shop", .name = "cart", .netns = some_fd()}));
  }
  void turn_for(io::Duration duration) {
    (void)io::block_on(*loop, [](io::Loop& l, io::Duration d) -> io::Task<> {
      co_await l.sleep(d);
    }(*loop, duration));
  }
};

}  // namespace culvert::enrol
