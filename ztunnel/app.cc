// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/app.h"

#include <fmt/format.h>
#include <sys/signalfd.h>

#include <cstdio>

#include "ztunnel/lib/control/protobuf_log.h"
#include "ztunnel/lib/io/daemon.h"
#include "ztunnel/lib/net/unix.h"
#include "ztunnel/lib/obs/log.h"
#include "ztunnel/live_views.h"
#include "ztunnel/privileges.h"

namespace culvert::ztunnel {
namespace {

// 1 s: the agent is on this node, where asking costs nothing; the 15 s that suit a control plane
// beyond a network would be added to each restart of it, with nobody to tell of changes.
constexpr std::chrono::seconds kAgentBackoffMax{1};

http::GrpcChannel::Dial dial_unix(io::Loop& loop, const std::string& address) {
  // A wrapper around a coroutine that takes everything by value: captures would not live long
  // enough.
  return [&loop, path = address.substr(5)]() {
    return [](io::Loop& on, std::string to) -> io::Task<std::unique_ptr<net::Stream>> {
      co_return co_await net::connect_unix(on, std::move(to));
    }(loop, path);
  };
}

// Everything of the control thread, in the order of construction.
class App {
 public:
  App(const Config& config, std::unique_ptr<io::Loop> loop, std::string io_fallback, Fd signals)
      : config_(config),
        signals_(std::move(signals)),
        loop_(std::move(loop)),
        rng_(io::kernel_seed()),
        metrics_("ztunnel", CULVERT_VERSION),
        ca_(*loop_, rng_, dial_unix(*loop_, config.ca_address)),
        certificates_(*loop_, rng_,
                      [this](std::string csr, SpiffeId id) {
                        return ca_.sign(std::move(csr), std::move(id));
                      },
                      {.on_renewed =
                           [this](const SpiffeId& id, proxy::IdentityPtr identity) {
                             feed_.identity_changed(id, std::move(identity));
                           },
                       .on_failure = [this] { obs::certificate_failures(metrics_).add(); }}),
        feed_(*loop_, workers_, certificates_, metrics_, config.trust_domain),
        xds_(*loop_, rng_, dial_unix(*loop_, config.xds_address), {.node_name = config.node},
             feed_.xds_callbacks(), {.backoff_max = kAgentBackoffMax}),
        zds_(*loop_, config.zds_socket, feed_, [this] { obs::zds_sessions_lost(metrics_).add(); }),
        live_{config_,
              *loop_,
              std::move(io_fallback),
              workers_,
              feed_,
              xds_,
              ca_,
              certificates_,
              zds_,
              metrics_,
              /* draining= */ false,
              /* quit= */ {}},
        scope_(*loop_, io::Scope::OnFailure::ignore) {}

  Result<> start();
  io::Task<> live();

 private:
  io::Task<> wait_for_signal();
  io::Task<> start_zds_when_mesh_is_known();
  io::Task<> drain();

  const Config& config_;
  Fd signals_;
  std::unique_ptr<io::Loop> loop_;
  Rng rng_;
  obs::Metrics metrics_;
  proxy::MeshFeed::Workers workers_;
  control::CaClient ca_;
  control::CertificateStore certificates_;
  proxy::MeshFeed feed_;
  control::XdsClient xds_;
  proxy::ZdsClient zds_;
  Live live_;
  std::unique_ptr<admin::HttpServer> server_;
  bool quit_ = false;
  io::Event quit_wanted_;
  std::size_t drained_ = 0;
  io::Event worker_drained_;
  io::Scope scope_;
};

Result<> App::start() {
  live_.quit = [this] {
    quit_ = true;
    quit_wanted_.notify_all();
  };
  for (unsigned i = 0; i < config_.workers; ++i) {
    TRY(auto loop, io::make_loop(config_.io));
    workers_.push_back(
        std::make_unique<proxy::Worker>(std::move(loop), metrics_, io::kernel_seed()));
  }
  TRY(server_, admin::serve({.readiness_port = config_.readiness_port,
                             .metrics_port = config_.metrics_port,
                             .admin_port = config_.admin_port,
                             .socket_path = config_.run_dir + "/ztunnel-admin.sock"},
                            make_views(live_)));
  return {};
}

io::Task<> App::live() {
  scope_.spawn(ca_.run());
  scope_.spawn(xds_.run());
  scope_.spawn(start_zds_when_mesh_is_known());
  scope_.spawn(wait_for_signal());
  while (!quit_) {
    co_await quit_wanted_.wait();
  }
  co_await drain();
}

// As ztunnel does: first the mesh, then the pods (wire-facts §0), so that the first connection of a
// restarted daemon is not refused for want of a record.
io::Task<> App::start_zds_when_mesh_is_known() {
  constexpr std::chrono::milliseconds kCheck{5};
  while (!xds_.ready()) {
    co_await loop_->sleep(kCheck);
  }
  co_await zds_.run();
}

io::Task<> App::wait_for_signal() {
  signalfd_siginfo signal{};
  co_await loop_->readable(signals_.get());
  (void)!::read(signals_.get(), &signal, sizeof(signal));
  obs::log(obs::Level::info, "app", fmt::format("signal {}: draining", signal.ssi_signo));
  live_.quit();
}

io::Task<> App::drain() {
  live_.draining = true;
  for (const auto& worker : workers_) {
    worker->drain(config_.drain_time, [this] {
      loop_->post([this] {
        ++drained_;
        worker_drained_.notify_all();
      });
    });
  }
  while (drained_ < workers_.size()) {
    co_await worker_drained_.wait();
  }
  server_->stop();
  workers_.clear();
  (void)co_await as_result(feed_.stop());
  (void)co_await as_result(certificates_.stop());
  scope_.cancel();
  (void)co_await as_result(scope_.join());
  obs::log(obs::Level::info, "app", "drained");
}

int say(const Error& error) {
  std::fprintf(stderr, "culvert-ztunnel: %s\n", to_string(error).c_str());
  return 1;
}

}  // namespace

int run_app(const Config& config) {
  control::silence_protobuf_log();
  raise_descriptor_limit();
  auto signals = io::block_signals();
  if (!signals) {
    return say(signals.error());
  }
  if (auto kept = keep_needed_capabilities(); !kept) {
    return say(kept.error());
  }
  auto log =
      obs::setup({.format = config.log_format, .level = config.log_level, .fd = 2, .sink = {}});
  if (!log) {
    return say(log.error());
  }
  std::string fallback;
  auto loop = io::make_loop(config.io, &fallback);
  if (!loop) {
    return say(loop.error());
  }
  if (!fallback.empty()) {
    obs::log(obs::Level::warn, "app", "running on epoll, which is slower", {{"reason", fallback}});
  }
  io::Loop& control = **loop;
  App app(config, std::move(*loop), fallback, std::move(*signals));
  if (auto started = app.start(); !started) {
    return say(started.error());
  }
  obs::log(obs::Level::info, "app", "culvert-ztunnel is running",
           {{"version", CULVERT_VERSION},
            {"node", config.node},
            {"io", control.backend()},
            {"workers", config.workers}});
  (void)io::block_on(control, app.live());
  return 0;
}

}  // namespace culvert::ztunnel
