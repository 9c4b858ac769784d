// The status page.
// SPDX-License-Identifier: Apache-2.0
#include "tools/culvertctl/status.h"

#include <fmt/format.h>

#include <array>
#include <utility>
#include <vector>

#include "tools/culvertctl/table.h"
#include "tools/culvertctl/times.h"

namespace culvert::ctl {
namespace {

void append_line(std::string& out, std::string_view label, std::string_view value,
                 Tone tone = Tone::plain, bool colour = false) {
  if (!value.empty()) {
    out += fmt::format("  {:<12} {}\n", printable(label), paint(printable(value), tone, colour));
  }
}

Tone tone_of_connection(std::string_view state) {
  return state == "connected" ? Tone::good : Tone::bad;
}

std::string uptime(const Json& status) {
  return short_duration(std::chrono::seconds(number(status, "uptimeSeconds")));
}

void append_ztunnel(std::string& out, const Json& status, bool colour) {
  append_line(out, "version", text(status, "version"));
  append_line(out, "node", text(status, "node"));
  append_line(out, "uptime", uptime(status));
  if (text(status, "draining") == "true") {
    append_line(out, "ready", "no, it drains", Tone::bad, colour);
  } else if (text(status, "ready") == "true") {
    append_line(out, "ready", "yes", Tone::good, colour);
  } else {
    append_line(out, "ready", "no, pending: " + joined(field(status, "pending")), Tone::bad,
                colour);
  }
  for (const auto& [label, key] :
       {std::pair{"mesh (xDS)", "xds"}, std::pair{"CA", "ca"}, std::pair{"pods (ZDS)", "zds"}}) {
    const std::string state = text(status, key);
    append_line(out, label, state, tone_of_connection(state), colour);
  }
  const std::string reason = text(status, "ioReason");
  append_line(out, "I/O", text(status, "ioBackend") + (reason.empty() ? "" : ": " + reason),
              reason.empty() ? Tone::plain : Tone::bad, colour);
  append_line(out, "workers", text(status, "workers"));
  append_line(out, "pods", text(status, "pods"));
  append_line(out, "connections", text(status, "connections"));
  if (number(status, "logLinesDropped") > 0) {
    append_line(out, "log", text(status, "logLinesDropped") + " lines lost: its reader is too slow",
                Tone::bad, colour);
  }
}

// The agent's status is shown as it comes: plain members by name.
void append_agent(std::string& out, const Json& status) {
  if (!status.is_object()) {
    return;
  }
  for (const auto& [key, value] : status.items()) {
    if (key == "uptimeSeconds") {
      append_line(out, "uptime", uptime(status));
    } else if (value.is_primitive()) {
      append_line(out, key, text(value));
    } else if (value.is_array()) {
      append_line(out, key, joined(value));
    }
  }
}

void append_pods(std::string& out, const Json& pods, bool colour) {
  Table table{{"NAMESPACE", "NAME", "ADDRESSES", "STATE"}, {}};
  for (const Json& pod : objects_in(pods)) {
    table.rows.push_back(
        {text(pod, "namespace"), text(pod, "name"), joined(field(pod, "ips")), text(pod, "state")});
  }
  out += table.rows.empty() ? "  none\n" : render(table, colour);
}

// The agent's sentence names file and object itself.
void append_errors(std::string& out, const Json& errors, bool colour) {
  if (!errors.is_array() || errors.empty()) {
    return;
  }
  out += "\nnot understood\n";
  for (const Json& error : errors) {
    const std::string sentence = error.is_object() ? text(error, "error") : text(error);
    out += fmt::format("  {}\n", paint(printable(sentence), Tone::bad, colour));
  }
}

bool append_problem(std::string& out, const Answer& answer, bool colour) {
  if (answer.problem.empty()) {
    return false;
  }
  out += "  " + paint(printable(answer.problem), Tone::bad, colour) + "\n";
  return true;
}

}  // namespace

std::string render(const StatusPage& page, bool colour) {
  std::string out = "ztunnel\n";
  if (!append_problem(out, page.ztunnel, colour)) {
    append_ztunnel(out, page.ztunnel.value, colour);
  }
  out += "\nagent\n";
  if (append_problem(out, page.agent, colour)) {
    return out;
  }
  append_agent(out, page.agent.value);
  out += "\nenrolled pods\n";
  if (!append_problem(out, page.pods, colour)) {
    append_pods(out, page.pods.value, colour);
  }
  if (!append_problem(out, page.errors, colour)) {
    append_errors(out, page.errors.value, colour);
  }
  return out;
}

std::string to_json(const StatusPage& page) {
  Json out = Json::object();
  for (const auto& [key, answer] :
       {std::pair{"ztunnel", &page.ztunnel}, std::pair{"agent", &page.agent},
        std::pair{"pods", &page.pods}, std::pair{"errors", &page.errors}}) {
    out[key] = answer->problem.empty() ? answer->value : Json{{"problem", answer->problem}};
  }
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

bool is_whole(const StatusPage& page) {
  return page.ztunnel.problem.empty() && page.agent.problem.empty() && page.pods.problem.empty() &&
         page.errors.problem.empty();
}

}  // namespace culvert::ctl
