// SPDX-License-Identifier: Apache-2.0
#include "agent/agent.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>

#include "agent/ca.h"
#include "agent/cni/keeper.h"
#include "agent/cni/namespaces.h"
#include "agent/datapath/cgroup.h"
#include "agent/datapath/datapath.h"
#include "agent/enrol/daemons.h"
#include "agent/enrol/enrol_socket.h"
#include "agent/enrol/enrolment.h"
#include "agent/enrol/node_kernel.h"
#include "agent/enrol/zds_server.h"
#include "agent/leaving.h"
#include "agent/mesh/ca_server.h"
#include "agent/mesh/translator.h"
#include "agent/mesh/xds_server.h"
#include "agent/mesh_source.h"
#include "agent/probes.h"
#include "agent/problem_log.h"
#include "agent/removal.h"
#include "agent/sockets.h"
#include "agent/views.h"
#include "ztunnel/admin/http_server.h"
#include "ztunnel/lib/control/protobuf_log.h"
#include "ztunnel/lib/io/daemon.h"
#include "ztunnel/lib/io/loop.h"
#include "ztunnel/lib/obs/log.h"

namespace culvert::agent {
namespace {

constexpr std::string_view kScope = "agent";

// 10 s: how often the kernel's state and the kubelet's cgroup are compared with what should be.
constexpr io::Duration kCompareInterval = std::chrono::seconds(10);
// 20 ms: a burst of changes, a writer's files or the events of a rollout, becomes one translation.
constexpr io::Duration kSettleTime = std::chrono::milliseconds(20);
// 4: after a translation the next one waits four times as long as that one took, so that a large
// mesh that changes all the time takes at most a fifth of the loop, whatever its size.
constexpr int kRestPerTranslation = 4;
// 2 s: the admin thread's patience with the loop, which answers in a turn.
constexpr auto kViewDeadline = std::chrono::seconds(2);

// What the agent stands on beyond its node; the later ones use the first.
struct Outside {
  std::unique_ptr<ApiServer> api;  // null without a cluster
  std::unique_ptr<MeshSource> source;
  std::unique_ptr<mesh::CaBackend> signing;
};

class Agent {
 public:
  Agent(const Config& config, io::Loop& loop, std::string io_reason, std::string cgroup_mount,
        std::string cgroup, datapath::Datapath datapath, Outside outside)
      : config_(config),
        loop_(loop),
        io_reason_(std::move(io_reason)),
        datapath_(std::move(datapath)),
        kernel_(datapath_),
        probes_(config, cgroup_mount, datapath_),
        daemons_(datapath_, std::move(cgroup_mount), std::move(cgroup)),
        outside_(std::move(outside)),
        source_(outside_.source->source()),
        zds_(loop, config.zds_socket,
             {.snapshot = [this] { return enrolment_.announced(); },
              .admit = [this](pid_t pid) { return daemons_.admit(pid); },
              .left = [this] { log_failure("exempt cgroups", daemons_.prune()); }}),
        enrolment_(loop, kernel_, zds_, outside_.source->notices(),
                   {.node = config.node,
                    .records_path = config.run_dir + "/" + enrol::kRecordsName,
                    .changed = [this] { ask_translation(); }}),
        enrol_socket_(loop, enrolment_),
        namespaces_(
            config.state_dir + "/" + cni::kNamespacesName,
            {config.cni.entry.exempt_namespaces.begin(), config.cni.entry.exempt_namespaces.end()}),
        keeper_(loop, config.cni),
        xds_(loop),
        ca_(
            loop, *outside_.signing,
            [this](const SpiffeId& id) { return enrolment_.has_identity(id); },
            config.certificate_lifetime),
        leaving_(loop, {.is_heard = [this] { return complete_ && xds_.is_heard(); },
                        .is_empty = [this] { return enrolment_.pods().empty(); },
                        .translate = [this] { translate(); }}),
        started_(loop.now()),
        tasks_(loop) {}

  Result<> start();
  Result<> run(const Fd& signals);

 private:
  static void log_failure(std::string_view what, const Result<>& result);
  admin::Routes routes();
  // view runs `make` on the loop and waits for its text; for the admin thread.
  admin::HttpResponse view(const std::function<Result<std::string>()>& make);
  void translate();
  void ask_translation();
  io::Task<> translate_when_asked();
  io::Task<> follow_source();
  io::Task<> compare_now_and_then();
  io::Task<> leave();
  io::Task<> stop_on(int signals);
  // part runs one task of the agent; if it fails, the agent ends.
  io::Task<> part(std::string what, io::Task<> task);
  std::vector<ErrorView> errors() const;
  Status status() const;

  const Config& config_;
  io::Loop& loop_;
  std::string io_reason_;
  datapath::Datapath datapath_;
  enrol::KernelOfNode kernel_;
  Probes probes_;
  enrol::Daemons daemons_;
  Outside outside_;
  mesh::Source& source_;
  enrol::ZdsServer zds_;
  enrol::Enrolment enrolment_;
  enrol::EnrolSocket enrol_socket_;
  cni::NamespaceBook namespaces_;
  cni::Keeper keeper_;
  mesh::XdsServer xds_;
  mesh::CaServer ca_;
  Leaving leaving_;
  std::unique_ptr<Sockets> sockets_;
  io::TimePoint started_;

  std::shared_ptr<const mesh::DesiredMesh> mesh_ = std::make_shared<mesh::DesiredMesh>();
  ProblemLog source_problems_;
  ProblemLog translation_problems_;
  std::vector<std::string> adoption_problems_;
  bool announced_ = false;
  bool told_incomplete_ = false;
  bool complete_ = false;  // once complete, always: a file that breaks later keeps its last content
  std::optional<Error> failure_;
  bool stale_ = false;  // a translation was asked for
  io::Event asked_;
  admin::HttpServer http_;
  io::Scope tasks_;  // last: its fibers use all of the above
};

}  // namespace

Result<> run_agent(const Config& config) {
  control::silence_protobuf_log();
  TRY(const Fd signals, io::block_signals());
  TRY(const auto format, obs::parse_log_format(config.log_format));
  TRY(const auto log,
      obs::setup({.format = format, .level = config.log_level, .fd = 2, .sink = nullptr}));
  TRY(const auto cgroup_mount, datapath::find_cgroup2_root());
  TRY(const auto cgroup, cgroup_of(config));
  std::string io_reason;
  TRY(const auto loop, io::make_loop(io::Backend::automatic, &io_reason));
  Outside outside;
  TRY(outside.api, open_api_server(config, *loop));
  TRY(outside.source, open_mesh_source(config, *loop, outside.api.get()));
  TRY(outside.signing, open_ca(config, *loop, outside.api.get()));
  const auto probes = probe_cgroup(config, cgroup_mount);
  TRY(auto datapath,
      datapath::Datapath::open({.pin_dir = config.pin_dir,
                                .cgroup_root = cgroup,
                                .probe_cgroup = probes ? std::optional(*probes) : std::nullopt}));
  Agent agent(config, *loop, std::move(io_reason), cgroup_mount, cgroup, std::move(datapath),
              std::move(outside));
  TRY_VOID(agent.start());
  return agent.run(signals);
}

namespace {

Result<> Agent::start() {
  // The sockets are opened first: a second agent must fail before it touches any pod.
  TRY(auto sockets, open_sockets(config_));
  sockets_ = std::make_unique<Sockets>(std::move(sockets));
  TRY_VOID(http_.listen_unix(config_.run_dir + "/agent-admin.sock", routes()));

  probes_.follow();
  // Who is wanted must be known before what the kernel holds is judged.
  translate();
  adoption_problems_ = enrolment_.adopt();
  for (const auto& problem : adoption_problems_) {
    obs::log(obs::Level::error, kScope, problem);
  }
  log_failure("exempt cgroups", daemons_.prune());
  translate();
  return {};
}

Result<> Agent::run(const Fd& signals) {
  tasks_.spawn(part("ZDS", sockets_->zds.serve(loop_, zds_)));
  tasks_.spawn(part("xDS", sockets_->xds.serve(loop_, xds_)));
  tasks_.spawn(part("CA", sockets_->ca.serve(loop_, ca_)));
  tasks_.spawn(part("enrol socket", sockets_->enrol.serve(loop_, enrol_socket_)));
  if (outside_.api) {
    tasks_.spawn(part("API server", outside_.api->client.run()));
  }
  tasks_.spawn(part("source", outside_.source->run()));
  tasks_.spawn(part("source", follow_source()));
  tasks_.spawn(part("translation", translate_when_asked()));
  tasks_.spawn(part("comparison", compare_now_and_then()));
  tasks_.spawn(config_.drain ? part("leaving", leave()) : part("CNI", keeper_.run()));
  tasks_.spawn(part("signals", stop_on(signals.get())));
  http_.start();
  obs::log(obs::Level::info, kScope, "agent is up",
           {{"node", config_.node}, {"io", loop_.backend()}, {"pods", enrolment_.pods().size()}});
  loop_.run();

  http_.stop();
  tasks_.cancel();
  while (!tasks_.empty()) {
    (void)loop_.turn();
  }
  (void)io::block_on(loop_, enrolment_.stop());
  obs::log(obs::Level::info, kScope, "agent ends; its pods stay captured",
           {{"pods", enrolment_.pods().size()}});
  return failure_ ? Result<>(fail(*failure_)) : Result<>();
}

io::Task<> Agent::part(std::string what, io::Task<> task) {
  auto ended = co_await as_result(std::move(task));
  if (!ended && ended.error().code != Errc::cancelled) {
    failure_ = prefixed(what, std::move(ended).error());
    loop_.stop();
  }
}

void Agent::translate() {
  stale_ = false;
  auto translation = mesh::translate(source_.objects(),
                                     {.node = config_.node,
                                      .cluster_id = config_.cluster_id,
                                      .trust_domain = config_.trust_domain,
                                      .leaves = leaving_.lifts_policies()},
                                     enrolment_.captured_uids());
  source_problems_.update(source_.problems());
  translation_problems_.update(std::move(translation.problems));
  for (const auto& [pod, sentence] : translation.refused) {
    outside_.source->notices().failed(pod, sentence);
  }
  complete_ = complete_ || source_.complete();
  if (!leaving_.holds_pods()) {
    const bool all = complete_ || leaving_.takes_pods_out();
    namespaces_.learn(translation.mesh.ambient_namespaces, all);
    enrolment_.set_plain(translation.mesh.plain_pods, namespaces_.rule());
    enrolment_.set_wanted(translation.mesh.pods, all);
  }
  if (!complete_) {
    if (!std::exchange(told_incomplete_, true)) {
      obs::log(obs::Level::warn, kScope,
               "the mesh is not announced until all of its source was read well",
               {{"source", source_.description()}});
    }
    return;
  }
  outside_.source->show({enrolment_.captured_uids(), enrolment_.awaited_uids()});
  if (mesh_->addresses != translation.mesh.addresses ||
      mesh_->authorizations != translation.mesh.authorizations || !announced_) {
    announced_ = true;
    mesh_ = std::make_shared<const mesh::DesiredMesh>(std::move(translation.mesh));
    xds_.publish(mesh_);
  }
}

io::Task<> Agent::follow_source() {
  for (;;) {
    co_await source_.wait(loop_);
    co_await loop_.sleep(kSettleTime);
    if (source_.refresh()) {
      ask_translation();
    }
  }
}

void Agent::ask_translation() {
  stale_ = true;
  asked_.notify_all();
}

io::Task<> Agent::translate_when_asked() {
  for (;;) {
    while (!stale_) {
      co_await asked_.wait();
    }
    const auto begun = loop_.now();
    translate();
    co_await loop_.yield();  // now() is the time of a turn
    co_await loop_.sleep((loop_.now() - begun) * kRestPerTranslation);
  }
}

io::Task<> Agent::compare_now_and_then() {
  for (;;) {
    co_await loop_.sleep(kCompareInterval);
    enrolment_.compare();
    probes_.follow();
  }
}

io::Task<> Agent::leave() {
  co_await leaving_.run();
  loop_.stop();
}

io::Task<> Agent::stop_on(int signals) {
  co_await loop_.readable(signals);
  loop_.stop();
}

void Agent::log_failure(std::string_view what, const Result<>& result) {
  if (!result) {
    obs::log(obs::Level::error, kScope, what, {{"error", result.error()}});
  }
}

admin::Routes Agent::routes() {
  admin::Routes routes;
  const auto get = [&](const char* path, const std::function<Result<std::string>()>& make) {
    routes.get(path, [this, make](const admin::HttpRequest&) { return view(make); });
  };
  get("/status", [this] { return Result<std::string>(to_json(status())); });
  get("/pods", [this] { return Result<std::string>(to_json(enrolment_.pods())); });
  get("/errors", [this] { return Result<std::string>(to_json(errors())); });
  get("/verdicts", [this]() -> Result<std::string> {
    TRY(const auto verdicts, datapath_.verdicts());
    return to_json(verdicts);
  });
  return routes;
}

admin::HttpResponse Agent::view(const std::function<Result<std::string>()>& make) {
  // Shared: the loop may run it after this thread has given up.
  auto promise = std::make_shared<std::promise<Result<std::string>>>();
  auto made = promise->get_future();
  loop_.post([make, promise] { promise->set_value(make()); });
  if (made.wait_for(kViewDeadline) != std::future_status::ready) {
    return admin::text_response(503, "the agent is busy or ends: try again\n");
  }
  auto text = made.get();
  return text ? admin::json_response(std::move(*text))
              : admin::text_response(500, to_string(text.error()) + "\n");
}

std::vector<ErrorView> Agent::errors() const {
  std::vector<ErrorView> all;
  add(all, "source", source_.problems());
  add(all, "source", translation_problems_.now());
  add(all, "xds", xds_.problems());
  add(all, "probes", std::vector{probes_.problem()});
  add(all, "cni", keeper_.problems());
  add(all, "cni", std::vector{namespaces_.problem()});
  add(all, "enrolment", adoption_problems_);
  add(all, "enrolment", enrolment_.problems());
  add(all, "kernel", datapath_.detached());
  add(all, "kernel", enrolment_.shortfalls());
  return all;
}

Status Agent::status() const {
  std::vector<std::string> ztunnels;
  for (const auto& ztunnel : zds_.ztunnels()) {
    ztunnels.push_back(fmt::format("pid {}{}", ztunnel.pid, ztunnel.synced ? ", synced" : ""));
  }
  return {.version = CULVERT_VERSION,
          .node = config_.node,
          .io_backend = std::string(loop_.backend()),
          .io_reason = io_reason_,
          .uptime = std::chrono::duration_cast<std::chrono::seconds>(loop_.now() - started_),
          .source = source_.description(),
          .probe_cgroup = probes_.cgroup(),
          .cni_conf_dir = config_.cni.conf_dir,
          .complete = complete_,
          .workloads_and_services = mesh_->addresses.size(),
          .policies = mesh_->authorizations.size(),
          .problems = errors().size(),
          .xds_clients = xds_.client_count(),
          .ztunnels = std::move(ztunnels),
          .pods = enrolment_.pods().size(),
          .offences = {{"zds", sockets_->zds.offences()},
                       {"xds", sockets_->xds.offences() + xds_.offences()},
                       {"ca", sockets_->ca.offences() + ca_.refusals()},
                       {"enrol", sockets_->enrol.offences() + enrol_socket_.refusals()}}};
}

}  // namespace

}  // namespace culvert::agent
