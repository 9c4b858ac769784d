// SPDX-License-Identifier: Apache-2.0
#include "agent/cni/call.h"

#include <algorithm>
#include <array>
#include <optional>

#include "agent/cni/json_text.h"
#include "agent/cni/versions.h"

namespace culvert::cni {

namespace {

// What each command needs.
struct Rule {
  std::string_view name;
  Command command;
  std::string_view since;  // the first version that has it
  bool container;          // CNI_CONTAINERID and CNI_IFNAME
  bool netns;
  bool previous;  // prevResult
};
constexpr std::array<Rule, 6> kRules = {{
    {"ADD", Command::add, "0.3.1", true, true, true},
    {"DEL", Command::del, "0.3.1", true, false, false},
    {"CHECK", Command::check, "0.4.0", true, true, true},
    {"GC", Command::gc, "1.1.0", false, false, false},
    {"STATUS", Command::status, "1.1.0", false, false, false},
    {"VERSION", Command::version, "0.3.1", false, false, false},
}};

using Fault = std::optional<Failure>;

Fault fault(Code code, std::string msg, std::string details = {}) {
  return Failure{.code = code, .msg = std::move(msg), .details = std::move(details)};
}

bool is_name(std::string_view text) {
  const auto is_alphanumeric = [](unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  };
  return !text.empty() && is_alphanumeric(static_cast<unsigned char>(text.front())) &&
         std::ranges::all_of(text, [&](unsigned char c) {
           return is_alphanumeric(c) || c == '_' || c == '.' || c == '-';
         });
}

// CNI_ARGS is "KEY=VALUE;KEY=VALUE"; keys of others are none of our business.
Fault read_arguments(std::string_view arguments, Call& call) {
  const std::pair<std::string_view, std::string*> wanted[] = {
      {"K8S_POD_UID", &call.pod_uid},
      {"K8S_POD_NAMESPACE", &call.pod_namespace},
      {"K8S_POD_NAME", &call.pod_name},
  };
  while (!arguments.empty()) {
    const auto end = std::min(arguments.find(';'), arguments.size());
    const auto pair = arguments.substr(0, end);
    arguments.remove_prefix(std::min(end + 1, arguments.size()));
    const auto equals = pair.find('=');
    if (pair.empty()) {
      continue;
    }
    if (equals == pair.npos) {
      return fault(Code::invalid_environment, "CNI_ARGS can't be read",
                   "'" + std::string(pair.substr(0, kNameBytesMax)) + "' has no '='");
    }
    for (const auto& [key, value] : wanted) {
      if (pair.substr(0, equals) != key) {
        continue;
      }
      *value = pair.substr(equals + 1);
      if (!value->empty() && (value->size() > kNameBytesMax || !is_name(*value))) {
        value->clear();
        return fault(Code::invalid_environment, "CNI_ARGS can't be read",
                     std::string(key) + " is no name in Kubernetes");
      }
    }
  }
  return {};
}

Fault read_environment(const Environment& environment, const Rule& rule, Call& call) {
  call.container = environment("CNI_CONTAINERID");
  call.netns = environment("CNI_NETNS");
  if (rule.container && !is_name(call.container)) {
    return fault(Code::invalid_environment, "CNI_CONTAINERID is missing or no identifier");
  }
  if (rule.container && environment("CNI_IFNAME").empty()) {
    return fault(Code::invalid_environment, "CNI_IFNAME is missing");
  }
  if (rule.netns && call.netns.empty()) {
    return fault(Code::invalid_environment, "CNI_NETNS is missing");
  }
  return read_arguments(environment("CNI_ARGS"), call);
}

// An absent key leaves the default.
Fault read_text(const Json& config, const char* key, std::string& to) {
  const auto found = config.find(key);
  if (found == config.end()) {
    return {};
  }
  if (!found->is_string()) {
    return fault(Code::invalid_config, std::string("the key ") + key + " is no text",
                 "correct the entry of culvert-cni");
  }
  to = found->get<std::string>();
  return {};
}

Fault read_entry(const Json& config, Call& call) {
  const std::pair<const char*, std::string*> texts[] = {
      {"runDir", &call.run_dir}, {"stateDir", &call.state_dir}, {"logFile", &call.log_file}};
  for (const auto& [key, to] : texts) {
    if (auto wrong = read_text(config, key, *to)) {
      return wrong;
    }
  }
  const auto exempt = config.find("exemptNamespaces");
  if (exempt == config.end()) {
    return {};
  }
  const bool is_list = exempt->is_array() &&
                       std::ranges::all_of(*exempt, [](const Json& ns) { return ns.is_string(); });
  if (!is_list) {
    return fault(Code::invalid_config, "the key exemptNamespaces is no list of texts",
                 "correct the entry of culvert-cni");
  }
  call.exempt = exempt->get<std::set<std::string>>();
  return {};
}

Fault read_config(std::string_view input, const Rule& rule, Call& call) {
  if (input.size() > kInputBytesMax) {
    return fault(Code::no_json, "the configuration on standard input is too long",
                 "it is over " + std::to_string(kInputBytesMax) + " bytes");
  }
  const bool deep = nesting(input) > kJsonDepthMax;
  const Json config = deep ? Json() : Json::parse(input, nullptr, false);
  if (!config.is_object()) {
    return fault(Code::no_json, "the configuration on standard input is no JSON object",
                 deep ? "it nests too deep" : std::to_string(input.size()) + " bytes were read");
  }
  if (auto wrong = read_text(config, "cniVersion", call.version)) {
    return wrong;
  }
  // Before anything can fail: failures are logged too.
  if (auto wrong = read_entry(config, call)) {
    return wrong;
  }
  const auto rank = rank_of(call.version);
  if (!rank || *rank < rank_of(rule.since)) {
    return fault(
        Code::incompatible_version,
        "culvert-cni can't do " + std::string(rule.name) + " in CNI version '" + call.version + "'",
        "it speaks 0.3.1 to 1.1.0, and " + std::string(rule.name) + " since " +
            std::string(rule.since));
  }
  if (const auto name = config.find("name");
      name == config.end() || !name->is_string() || !is_name(name->get<std::string>())) {
    return fault(Code::invalid_config, "the configuration has no name of a network");
  }
  const auto previous = config.find("prevResult");
  if (previous != config.end() && previous->is_object()) {
    call.previous = *previous;
  } else if (rule.previous) {
    return fault(Code::invalid_config, "the configuration has no prevResult",
                 "culvert-cni makes no interface: list it behind the plugin that does");
  }
  return {};
}

// VERSION may come with any input, or none.
void read_version(std::string_view input, Call& call) {
  if (input.size() > kInputBytesMax || nesting(input) > kJsonDepthMax) {
    return;
  }
  const Json config = Json::parse(input, nullptr, false);
  if (config.is_object() && config.contains("cniVersion") && config["cniVersion"].is_string()) {
    call.version = config["cniVersion"].get<std::string>();
  }
}

}  // namespace

std::string Call::pod_text() const {
  return pod_name.empty() ? "container " + container
                          : "pod " + pod_namespace + "/" + pod_name + " (" + pod_uid + ")";
}

bool read_call(const Environment& environment, std::string_view input, Call& call,
               Failure& failure) {
  call.command_text = environment("CNI_COMMAND");
  const auto* const rule = std::ranges::find(kRules, call.command_text, &Rule::name);
  if (rule == kRules.end()) {
    failure = {
        .code = Code::invalid_environment,
        .msg = call.command_text.empty()
                   ? "CNI_COMMAND is missing"
                   : "CNI_COMMAND '" + call.command_text.substr(0, kNameBytesMax) + "' is unknown",
        .details =
            "culvert-cni is a CNI plugin, to be called by a container runtime with "
            "ADD, DEL, CHECK, GC, STATUS or VERSION"};
    return false;
  }
  call.command = rule->command;
  if (rule->command == Command::version) {
    read_version(input, call);
    return true;
  }
  auto wrong = read_config(input, *rule, call);
  if (!wrong) {
    wrong = read_environment(environment, *rule, call);
  }
  failure = wrong.value_or(Failure{});
  return !wrong;
}

}  // namespace culvert::cni
