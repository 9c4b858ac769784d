// One run of culvertctl.
// SPDX-License-Identifier: Apache-2.0
#include "tools/culvertctl/run.h"

#include <fmt/format.h>

#include <thread>

#include "tools/culvertctl/check/cluster_check.h"
#include "tools/culvertctl/check/node_lines.h"
#include "tools/culvertctl/check/pre_lines.h"
#include "tools/culvertctl/check/probe.h"
#include "tools/culvertctl/lists.h"
#include "tools/culvertctl/status.h"
#include "tools/culvertctl/table.h"

namespace culvert::ctl {
namespace {

// 2 s: a pod is taken in and a change of the mesh has reached ztunnel in less.
constexpr auto kSecondLookAfter = std::chrono::seconds(2);

Daemon daemon_of(std::string_view name, const Options& options) {
  return {name, fmt::format("{}/{}-admin.sock", options.run_dir, name)};
}

Result<Json> ask(std::string_view name, std::string_view path, const Options& options,
                 const Surroundings& surroundings) {
  TRY(const std::string body, get(daemon_of(name, options), path, surroundings.limits));
  return parse_json(body, fmt::format("what {} answers to {}", name, path));
}

Answer answer(std::string_view name, std::string_view path, const Options& options,
              const Surroundings& surroundings) {
  return answer_of(ask(name, path, options, surroundings));
}

Outcome run_status(const Options& options, const Surroundings& surroundings) {
  StatusPage page{.ztunnel = answer("ztunnel", "/status", options, surroundings),
                  .agent = answer("agent", "/status", options, surroundings),
                  .pods = answer("agent", "/pods", options, surroundings),
                  .errors = answer("agent", "/errors", options, surroundings)};
  return {.exit = is_whole(page) ? Exit::ok : Exit::failed,
          .out = options.json ? to_json(page) : render(page, surroundings.colour),
          .error = {}};
}

// The agent's own readiness: it does not wait for ztunnel, which waits for it.
Outcome run_ready(const Options& options, const Surroundings& surroundings) {
  const auto status = ask("agent", "/status", options, surroundings);
  if (!status) {
    return {Exit::failed, "", fmt::format("culvertctl: {}\n", to_string(status.error()))};
  }
  if (text(*status, "complete") != "true") {
    return {Exit::failed, "",
            fmt::format("culvertctl: the agent has not read {} as a whole yet: its log says what "
                        "it waits for\n",
                        printable(text(*status, "source")))};
  }
  return {Exit::ok, "ready\n", ""};
}

Outcome run_ca(const Options& options, const Surroundings& surroundings) {
  const auto published = look_at_ca(options.nodes.in_namespace);
  if (!published) {
    return {published.error().code == Errc::not_found ? Exit::not_found : Exit::failed, "",
            fmt::format("culvertctl: {}\n", to_string(published.error()))};
  }
  return {.exit = Exit::ok,
          .out = options.json
                     ? published->dump(2, ' ', false, Json::error_handler_t::replace) + "\n"
                     : render_ca(*published, surroundings.now, surroundings.colour),
          .error = {}};
}

Lines look_at_node(const Options& options, const Surroundings& surroundings) {
  NodeAnswers answers{.agent = answer("agent", "/status", options, surroundings),
                      .ztunnel = answer("ztunnel", "/status", options, surroundings)};
  // Who hangs is not waited for again.
  const auto further = [&](const Answer& first, std::string_view name, std::string_view path) {
    return first.problem.empty() ? answer(name, path, options, surroundings) : first;
  };
  answers.errors = further(answers.agent, "agent", "/errors");
  answers.pods = further(answers.agent, "agent", "/pods");
  answers.dump = further(answers.ztunnel, "ztunnel", "/config_dump");
  return node_lines(answers, surroundings.now,
                    [](const std::string& address) { return probe_pod(address); });
}

Lines check_node(const Options& options, const Surroundings& surroundings) {
  if (options.before_installation) {
    return pre_lines({.cni_conf_dir = options.cni_conf_dir, .pin_dir = options.pin_dir});
  }
  const Lines lines = look_at_node(options, surroundings);
  if (!has_failed(lines)) {
    return lines;
  }
  // What is on its way between the daemons may be there by now.
  std::this_thread::sleep_for(kSecondLookAfter);
  return look_at_node(options, surroundings);
}

Outcome run_check(const Options& options, const Surroundings& surroundings) {
  const Lines lines = concerns_cluster(options)
                          ? check_cluster(options.nodes, options.before_installation)
                          : check_node(options, surroundings);
  return {.exit = has_failed(lines) ? Exit::failed : Exit::ok,
          .out = options.json ? to_json(lines) : render(lines, surroundings.colour),
          .error = {}};
}

// Verdicts that never happened only hide the others, unless somebody asks for them.
Json without_zeros(const Json& items) {
  Json out = Json::array();
  for (const Json& item : items) {
    if (number(item, "count") > 0) {
      out.push_back(item);
    }
  }
  return out;
}

}  // namespace

Outcome run(const Options& options, const Surroundings& surroundings) {
  if (options.command == "check") {
    return run_check(options, surroundings);
  }
  if (options.command == "ready") {
    return run_ready(options, surroundings);
  }
  if (options.command == "ca") {
    return run_ca(options, surroundings);
  }
  const List* list = list_of(options.command);
  if (list == nullptr) {
    return run_status(options, surroundings);
  }
  const auto dump = ask(list->daemon, list->path, options, surroundings);
  if (!dump) {
    return {Exit::failed, "", fmt::format("culvertctl: {}\n", to_string(dump.error()))};
  }
  const auto chosen = select(*list, *dump, options);
  if (!chosen) {
    return {Exit::not_found, "", fmt::format("culvertctl: {}\n", to_string(chosen.error()))};
  }
  const bool hide_zeros = options.command == "verdicts" && !options.all && !options.json;
  const Json items = hide_zeros ? without_zeros(*chosen) : *chosen;
  if (options.json) {
    return {Exit::ok, items.dump(2, ' ', false, Json::error_handler_t::replace) + "\n", ""};
  }
  if (items.empty()) {
    return {Exit::ok, "", fmt::format("no {} yet\n", list->command)};
  }
  return {Exit::ok, render(list->table(items, surroundings.now), surroundings.colour), ""};
}

}  // namespace culvert::ctl
