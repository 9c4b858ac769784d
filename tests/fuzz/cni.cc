// What a container runtime gives culvert-cni, and a node's CNI configuration, as "CNI_ARGS, a line
// break, text". Of the text as standard input: what is read names a pod that the enrol socket
// takes, each answer is JSON in a version that exists. Of the text as a configuration: our entry
// goes in and out again without a byte of others changed.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>

#include "agent/cni/call.h"
#include "agent/cni/conflist.h"
#include "agent/cni/versions.h"
#include "ztunnel/lib/base/assert.h"
#include "ztunnel/lib/base/bytes.h"

namespace culvert::cni {
namespace {

void check_json(const Answer& answer) {
  const Json json = Json::parse(answer.text, nullptr, false);
  CULVERT_ASSERT(json.is_object() && rank_of(json["cniVersion"].get<std::string>()));
}

void check_call(const std::string& command, const std::string& args, std::string_view input) {
  const auto environment = [&](std::string_view name) -> std::string {
    return name == "CNI_COMMAND" ? command : name == "CNI_ARGS" ? args : "x";
  };
  Call call;
  Failure failure;
  if (!read_call([&](const char* name) { return environment(name); }, input, call, failure)) {
    CULVERT_ASSERT(!failure.msg.empty());
    check_json(error_answer(call.version, failure));
    return;
  }
  for (const auto* name : {&call.pod_uid, &call.pod_namespace, &call.pod_name}) {
    CULVERT_ASSERT(name->size() <= kNameBytesMax);
  }
  CULVERT_ASSERT(rank_of(call.version));
  if (call.command == Command::add) {
    check_json(result_answer(call.version, call.previous));
  }
}

void check_list(std::string_view text) {
  const std::string entry = entry_of({.run_dir = "/r", .state_dir = "/s"});
  const auto without = without_entry(text);
  const auto kind = kind_of(text);
  if (kind && *kind == ConfKind::single) {
    const auto list = wrapped(text, entry);
    CULVERT_ASSERT(list && without_entry(*list) && list->contains(text));
    CULVERT_ASSERT(*kind_of(*list) == ConfKind::list);
    return;
  }
  const auto with = with_entry(text, entry);
  if (!with) {
    return;
  }
  CULVERT_ASSERT(without && *with_entry(*with, entry) == *with);
  if (*without == text) {
    CULVERT_ASSERT(*without_entry(*with) == text);
  }
  CULVERT_ASSERT(*without_entry(*without_entry(*with)) == *without_entry(*with));
}

}  // namespace
}  // namespace culvert::cni

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto text = culvert::as_text({bytes, size});
  const auto end = std::min(text.find('\n'), text.size());
  const std::string args(text.substr(0, end));
  const auto rest = text.substr(std::min(end + 1, text.size()));
  for (const char* command : {"ADD", "DEL", "CHECK", "GC", "STATUS"}) {
    culvert::cni::check_call(command, args, rest);
  }
  culvert::cni::check_list(rest);
  return 0;
}
