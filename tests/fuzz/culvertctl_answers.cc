// What a daemon answers to culvertctl, as JSON of any shape, in every list, on the status page and
// in a check. Each can be shown, and nothing in it moves the cursor or colours the terminal.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "tools/culvertctl/ca.h"
#include "tools/culvertctl/check/installed_lines.h"
#include "tools/culvertctl/check/node_lines.h"
#include "tools/culvertctl/lists.h"
#include "tools/culvertctl/status.h"
#include "ztunnel/lib/base/assert.h"
#include "ztunnel/lib/base/bytes.h"

namespace culvert::ctl {
namespace {

constexpr WallClock kNow{std::chrono::hours(24 * 365 * 56)};

void check_shown(std::string_view text) {
  CULVERT_ASSERT(std::ranges::all_of(
      text, [](unsigned char c) { return (c >= 0x20 && c != 0x7f) || c == '\n'; }));
}

void check_list(std::string_view command, const Json& answer) {
  const List* list = list_of(command);
  CULVERT_ASSERT(list != nullptr);
  const Json items = list->items(answer);
  check_shown(render(list->table(items, kNow), false));
  Options options{.command = std::string(command)};
  const auto all = select(*list, answer, options);
  CULVERT_ASSERT(all.has_value());
  for (const Json& item : items) {
    for (const auto& name : list->names(item)) {
      options.name = options.pod = options.program = name;
      CULVERT_ASSERT(select(*list, answer, options).has_value());
    }
  }
}

}  // namespace
}  // namespace culvert::ctl

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace culvert;
  using namespace culvert::ctl;
  const auto answer = parse_json(as_text({bytes, size}), "fuzz");
  if (!answer) {
    CULVERT_ASSERT(answer.error().code == Errc::protocol);
    return 0;
  }
  for (const char* command :
       {"workloads", "services", "policies", "certs", "connections", "verdicts"}) {
    check_list(command, *answer);
  }
  const StatusPage page{.ztunnel = {*answer, ""},
                        .agent = {*answer, ""},
                        .pods = {*answer, ""},
                        .errors = {*answer, ""}};
  check_shown(render(page, false));
  CULVERT_ASSERT(parse_json(to_json(page), "page").has_value());
  const Lines lines = node_lines({page.agent, page.errors, page.pods, page.ztunnel, {*answer, ""}},
                                 kNow, [](const std::string&) { return Result<>(); });
  check_shown(render(lines, false));
  CULVERT_ASSERT(parse_json(to_json(lines), "lines").has_value());
  const Answer any{*answer, ""};
  const ClusterAnswers cluster{any, any, any, any, any, any, any, any};
  check_shown(render(cluster_lines(cluster), false));
  check_shown(render({rights_line(any, "mesh")}, false));
  check_shown(render(installed_lines(cluster, "mesh"), false));
  check_shown(render_ca(*answer, kNow, false));
  check_shown(render_ca(read_published(*answer), kNow, false));
  CULVERT_ASSERT(agent_places(cluster).size() <= field(*answer, "items").size());
  check_shown(render(lines_in(*answer, "east"), false));
  return 0;
}
