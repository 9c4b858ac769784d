// The lists, one after the other; at the end the table of them all.
// SPDX-License-Identifier: Apache-2.0
#include "tools/culvertctl/lists.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "tools/culvertctl/nearest.h"
#include "ztunnel/lib/base/rfc3339.h"

namespace culvert::ctl {
namespace {

// Workloads, services, policies: objects with a name and a namespace.
std::string full_name(const Json& item) {
  return text(item, "namespace") + "/" + text(item, "name");
}

void add_texts(std::vector<std::string>& names, const Json& array) {
  if (array.is_array()) {
    for (const Json& item : array) {
      const std::string address = text(item);
      names.push_back(address.substr(address.rfind('/') + 1));  // VIPs are written "network/ip"
    }
  }
}

std::string without_network(const Json& array) {
  std::vector<std::string> addresses;
  add_texts(addresses, array);
  return fmt::format("{}", fmt::join(addresses, ", "));
}

Cell health(const std::string& status) {
  return {status, status == "Healthy" ? Tone::good : Tone::bad};
}

Json workload_items(const Json& dump) {
  return objects_in(field(dump, "workloads"));
}

std::vector<std::string> workload_names(const Json& item) {
  std::vector<std::string> names = {text(item, "name"), full_name(item), text(item, "uid")};
  add_texts(names, field(item, "workloadIps"));
  return names;
}

Table workload_table(const Json& items, WallClock) {
  Table table{{"NAMESPACE", "NAME", "ADDRESSES", "NODE", "PROTOCOL", "SERVICE ACCOUNT", "WAYPOINT",
               "STATUS"},
              {}};
  for (const Json& item : items) {
    table.rows.push_back(
        {text(item, "namespace"), text(item, "name"), joined(field(item, "workloadIps")),
         text(item, "node"), text(item, "protocol"), text(item, "serviceAccount"),
         text(field(item, "waypoint"), "destination"), health(text(item, "status"))});
  }
  return table;
}

Json service_items(const Json& dump) {
  return objects_in(field(dump, "services"));
}

std::vector<std::string> service_names(const Json& item) {
  std::vector<std::string> names = {text(item, "name"), full_name(item), text(item, "hostname")};
  add_texts(names, field(item, "vips"));
  return names;
}

std::string ports(const Json& item) {
  std::string out;
  if (const Json& map = field(item, "ports"); map.is_object()) {
    for (const auto& [port, target] : map.items()) {
      const std::string to = text(target);
      out += (out.empty() ? "" : ", ") + port + (to == port || to == "0" ? "" : "→" + to);
    }
  }
  return out;
}

Cell endpoints(const Json& item) {
  std::size_t healthy = 0;
  const Json& all = field(item, "endpoints");
  if (all.is_object()) {
    for (const auto& [uid, endpoint] : all.items()) {
      healthy += text(endpoint, "status") == "Healthy" ? 1 : 0;
    }
  }
  const std::size_t count = all.is_object() ? all.size() : 0;
  return {fmt::format("{}/{}", healthy, count), healthy == 0 ? Tone::bad : Tone::plain};
}

Table service_table(const Json& items, WallClock) {
  Table table{{"NAMESPACE", "NAME", "ADDRESSES", "PORTS", "ENDPOINTS", "WAYPOINT"}, {}};
  for (const Json& item : items) {
    table.rows.push_back({text(item, "namespace"), text(item, "name"),
                          without_network(field(item, "vips")), ports(item), endpoints(item),
                          text(field(item, "waypoint"), "destination")});
  }
  return table;
}

Json policy_items(const Json& dump) {
  return objects_in(field(dump, "policies"));
}

std::vector<std::string> policy_names(const Json& item) {
  return {text(item, "name"), full_name(item)};
}

Table policy_table(const Json& items, WallClock) {
  Table table{{"NAMESPACE", "NAME", "SCOPE", "ACTION", "RULES", "DRY RUN"}, {}, {4}};
  for (const Json& item : items) {
    const std::string action = text(item, "action");
    const bool dry_run = text(item, "dryRun") == "true";
    table.rows.push_back({text(item, "namespace"),
                          text(item, "name"),
                          text(item, "scope"),
                          {action, action == "Deny" ? Tone::bad : Tone::good},
                          std::to_string(field(item, "rules").size()),
                          {dry_run ? "yes" : "no", dry_run ? Tone::bad : Tone::plain}});
  }
  return table;
}

Json certificate_items(const Json& dump) {
  return objects_in(field(dump, "certificates"));
}

std::vector<std::string> certificate_names(const Json& item) {
  const std::string identity = text(item, "identity");  // spiffe://domain/ns/NS/sa/ACCOUNT
  const std::size_t account = identity.rfind("/sa/");
  const std::size_t ns = identity.rfind("/ns/");
  if (account == std::string::npos || ns == std::string::npos || account < ns) {
    return {identity};
  }
  const std::string account_name = identity.substr(account + 4);
  return {account_name, identity.substr(ns + 4, account - ns - 4) + "/" + account_name, identity};
}

Cell time_left(const std::string& expiration, WallClock now) {
  const auto end = parse_rfc3339(expiration);
  if (!end) {
    return "";
  }
  const auto left = *end - now;
  return left.count() > 0 ? Cell(short_duration(left), Tone::good) : Cell("expired", Tone::bad);
}

Table certificate_table(const Json& items, WallClock now) {
  Table table{{"IDENTITY", "STATE", "SERIAL NUMBER", "VALID FROM", "EXPIRES", "LEFT"}, {}};
  for (const Json& item : items) {
    const Json chain = objects_in(field(item, "certChain"));
    const Json leaf = chain.empty() ? Json() : chain[0];
    const std::string state = text(item, "state");
    const std::string expiration = text(leaf, "expirationTime");
    table.rows.push_back({text(item, "identity"),
                          {state, state == "Available" ? Tone::good : Tone::bad},
                          text(leaf, "serialNumber"),
                          text(leaf, "validFrom"),
                          expiration,
                          time_left(expiration, now)});
  }
  return table;
}

// Connections stand in the dump per pod; here each becomes an object of its own.
Json connection_items(const Json& dump) {
  Json out = Json::array();
  const Json& pods = field(dump, "workloadState");
  if (!pods.is_object()) {
    return out;
  }
  for (const auto& [uid, pod] : pods.items()) {
    const Json& owner = field(pod, "info");
    for (const char* direction : {"inbound", "outbound"}) {
      for (const Json& connection : objects_in(field(field(pod, "connections"), direction))) {
        Json item = {{"namespace", text(owner, "namespace")},
                     {"pod", text(owner, "name")},
                     {"direction", direction}};
        item.update(connection);
        out.push_back(std::move(item));
      }
    }
  }
  return out;
}

std::vector<std::string> connection_names(const Json& item) {
  return {text(item, "pod"), text(item, "namespace") + "/" + text(item, "pod")};
}

Table connection_table(const Json& items, WallClock) {
  Table table{{"NAMESPACE", "POD", "DIRECTION", "SOURCE", "ASKED FOR", "GOES TO", "PROTOCOL"}, {}};
  for (const Json& item : items) {
    const std::string protocol = text(item, "protocol");
    table.rows.push_back({text(item, "namespace"),
                          text(item, "pod"),
                          text(item, "direction"),
                          text(item, "src"),
                          text(item, "originalDst"),
                          text(item, "actualDst"),
                          {protocol, protocol == "HBONE" ? Tone::good : Tone::plain}});
  }
  return table;
}

// The agent's answer is an array of {program, verdict, effect, count}.
Json verdict_items(const Json& answer) {
  return objects_in(answer);
}

std::vector<std::string> verdict_names(const Json& item) {
  return {text(item, "program")};
}

Table verdict_table(const Json& items, WallClock) {
  Table table{{"PROGRAM", "VERDICT", "EFFECT", "COUNT"}, {}, {3}};
  for (const Json& item : items) {
    const std::string effect = text(item, "effect");
    table.rows.push_back({text(item, "program"),
                          text(item, "verdict"),
                          {effect, effect == "drop" ? Tone::bad : Tone::plain},
                          std::to_string(number(item, "count"))});
  }
  return table;
}

const std::string& by_name(const Options& options) {
  return options.name;
}
const std::string& by_pod(const Options& options) {
  return options.pod;
}
const std::string& by_program(const Options& options) {
  return options.program;
}

constexpr List kLists[] = {
    {"workloads", "workload", "ztunnel", "/config_dump", workload_items, workload_names, by_name,
     workload_table},
    {"services", "service", "ztunnel", "/config_dump", service_items, service_names, by_name,
     service_table},
    {"policies", "policy", "ztunnel", "/config_dump", policy_items, policy_names, by_name,
     policy_table},
    {"certs", "certificate", "ztunnel", "/config_dump", certificate_items, certificate_names,
     by_name, certificate_table},
    {"connections", "connection of a pod", "ztunnel", "/config_dump", connection_items,
     connection_names, by_pod, connection_table},
    {"verdicts", "kernel program", "agent", "/verdicts", verdict_items, verdict_names, by_program,
     verdict_table},
};

}  // namespace

const List* list_of(std::string_view command) {
  const auto* found = std::ranges::find(kLists, command, &List::command);
  return found == std::end(kLists) ? nullptr : found;
}

Result<Json> select(const List& list, const Json& answer, const Options& options) {
  const Json items = list.items(answer);
  const std::string& wanted = list.wanted(options);
  Json chosen = Json::array();
  std::vector<std::string> known;
  for (const Json& item : items) {
    const std::vector<std::string> names = list.names(item);
    if (wanted.empty() || std::ranges::find(names, wanted) != names.end()) {
      chosen.push_back(item);
    }
    known.insert(known.end(), names.begin(), names.end());
  }
  if (chosen.empty() && !wanted.empty()) {
    const std::string near = did_you_mean(wanted, known);
    return fail(
        Errc::not_found,
        fmt::format("there is no {} \"{}\"{}", list.noun, wanted,
                    near.empty() ? fmt::format("; culvertctl {} lists all", list.command) : near));
  }
  return chosen;
}

}  // namespace culvert::ctl
