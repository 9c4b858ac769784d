// SPDX-License-Identifier: Apache-2.0
#include "agent/cni/answer.h"

#include "agent/cni/versions.h"

namespace culvert::cni {

namespace {

std::string text_of(const Json& json) {
  return json.dump(4, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::size_t rank(std::string_view version) {
  return rank_of(version).value_or(kVersions.size() - 1);
}

// Before 1.0.0 an address said its family; since then it does not.
void tell_families(Json& ips) {
  for (auto& ip : ips) {
    if (ip.is_object() && !ip.contains("version")) {
      const auto address = ip.find("address");
      const bool is_v6 = address != ip.end() && address->is_string() &&
                         address->get_ref<const std::string&>().contains(':');
      ip["version"] = is_v6 ? "6" : "4";
    }
  }
}

}  // namespace

Answer error_answer(std::string_view version, const Failure& failure) {
  Json error = {{"cniVersion", kVersions[rank(version)]},
                {"code", static_cast<unsigned>(failure.code)},
                {"msg", failure.msg}};
  if (!failure.details.empty()) {
    error["details"] = failure.details;
  }
  return {.status = 1, .text = text_of(error), .note = failure.msg + ": " + failure.details};
}

Answer version_answer(std::string_view version) {
  return {.status = 0,
          .text = text_of(Json{{"cniVersion", version.empty() ? kVersions.back() : version},
                               {"supportedVersions", kVersions}}),
          .note = "told the versions"};
}

Answer result_answer(std::string_view version, Json result) {
  if (const auto ips = result.find("ips"); ips != result.end() && ips->is_array()) {
    if (rank(version) < rank("1.0.0")) {
      tell_families(*ips);
    } else {
      for (auto& ip : *ips) {
        if (ip.is_object()) {
          ip.erase("version");
        }
      }
    }
  }
  result["cniVersion"] = version;
  return {.status = 0, .text = text_of(result), .note = {}};
}

}  // namespace culvert::cni
