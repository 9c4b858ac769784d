// SPDX-License-Identifier: Apache-2.0
#include "agent/uninstall/command.h"

#include <cstdio>

#include "agent/kube/config.h"
#include "agent/uninstall/uninstall.h"
#include "ztunnel/lib/base/rng.h"
#include "ztunnel/lib/io/daemon.h"
#include "ztunnel/lib/io/scope.h"

namespace culvert::uninstall {

namespace {

void print(const std::string& step) {
  std::printf("%s\n", step.c_str());
  std::fflush(stdout);  // the Job's log is read while it runs
}

io::Task<> with_connection(io::Loop& loop, kube::Client& client, Options options) {
  io::Scope connection(loop);
  connection.spawn(client.run());
  auto done = co_await io::as_result(remove_from_cluster(loop, client, std::move(options)));
  connection.cancel();
  (void)co_await io::as_result(connection.join());
  co_await std::move(done);
}

}  // namespace

Result<> run(const std::string& kubeconfig, const std::string& in_namespace) {
  TRY(const auto config, kube::find_config(kubeconfig));
  std::string reason;
  TRY(const auto loop, io::make_loop(io::Backend::automatic, &reason));
  Rng rng(io::kernel_seed());
  kube::Client client(*loop, rng, config);
  return io::block_on(*loop,
                      with_connection(*loop, client, {.in_namespace = in_namespace, .say = print}));
}

}  // namespace culvert::uninstall
