// SPDX-License-Identifier: Apache-2.0
#include "agent/signer/signer.h"

#include <future>

#include "agent/signer/signing.h"
#include "ztunnel/admin/admin.h"
#include "ztunnel/lib/io/daemon.h"
#include "ztunnel/lib/obs/log.h"

namespace culvert::signer {
namespace {

constexpr std::string_view kScope = "signer";

// 2 s: the admin thread's patience with the loop, which answers in a turn.
constexpr auto kViewDeadline = std::chrono::seconds(2);

std::chrono::system_clock::time_point now() {
  return std::chrono::system_clock::now();
}

class Signer {
 public:
  Signer(const Config& config, const kube::Config& server, io::Loop& loop)
      : loop_(loop),
        metrics_("signer", CULVERT_VERSION),
        client_(loop, rng_, server),
        events_(loop, client_, now),
        keeper_(loop, rng_, client_, events_,
                {.in_namespace = config.in_namespace,
                 .trust_domain = config.trust_domain,
                 .overlap = config.root_overlap,
                 .clock = now}),
        signing_(loop, rng_, client_, keeper_, events_, metrics_,
                 {.trust_domain = config.trust_domain,
                  .agent = config.agent,
                  .lifetime_max = config.certificate_lifetime},
                 now),
        tasks_(loop, io::Scope::OnFailure::ignore) {}

  Result<> listen(const Config& config);
  void run(const Fd& signals);

 private:
  std::vector<std::string> pending();
  io::Task<> stop_on(int signals);

  io::Loop& loop_;
  Rng rng_{io::kernel_seed()};
  obs::Metrics metrics_;
  kube::Client client_;
  Events events_;
  AuthorityKeeper keeper_;
  Signing signing_;
  admin::HttpServer http_;
  io::Scope tasks_;  // last: its fibers use all of the above
};

Result<> Signer::listen(const Config& config) {
  const admin::Views views{
      .pending = [this] { return pending(); },
      .metrics = [this](std::string_view accept) { return metrics_.expose(accept); }};
  TRY_VOID(http_.listen_any(config.readiness_port, admin::readiness_routes(views)));
  TRY_VOID(http_.listen_any(config.metrics_port, admin::metrics_routes(views)));
  return {};
}

void Signer::run(const Fd& signals) {
  tasks_.spawn(client_.run());
  tasks_.spawn(keeper_.run());
  tasks_.spawn(signing_.run());
  tasks_.spawn(stop_on(signals.get()));
  http_.start();
  obs::log(obs::Level::info, kScope, "signer is up",
           {{"version", CULVERT_VERSION}, {"io", loop_.backend()}});
  loop_.run();
  http_.stop();
  tasks_.cancel();
  while (!tasks_.empty()) {
    (void)loop_.turn();
  }
  obs::log(obs::Level::info, kScope, "signer ends");
}

// On the admin thread.
std::vector<std::string> Signer::pending() {
  // Shared: the loop may run it after this thread has given up.
  auto promise = std::make_shared<std::promise<std::vector<std::string>>>();
  auto made = promise->get_future();
  loop_.post([this, promise] {
    std::vector<std::string> names;
    if (!signing_.synced()) {
      names.emplace_back("certificate requests");
    }
    if (const auto problem = keeper_.problem(); !problem.empty()) {
      names.push_back("CA: " + problem);
    }
    promise->set_value(std::move(names));
  });
  if (made.wait_for(kViewDeadline) != std::future_status::ready) {
    return {"event loop"};
  }
  return made.get();
}

io::Task<> Signer::stop_on(int signals) {
  co_await loop_.readable(signals);
  loop_.stop();
}

}  // namespace

Result<> run_signer(const Config& config, const kube::Config& server) {
  TRY(const Fd signals, io::block_signals());
  TRY(const auto format, obs::parse_log_format(config.log_format));
  TRY(const auto log,
      obs::setup({.format = format, .level = config.log_level, .fd = 2, .sink = nullptr}));
  TRY(const auto loop, io::make_loop(io::Backend::automatic));
  Signer signer(config, server, *loop);
  TRY_VOID(signer.listen(config));
  signer.run(signals);
  return {};
}

}  // namespace culvert::signer
