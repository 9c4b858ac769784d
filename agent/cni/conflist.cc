// SPDX-License-Identifier: Apache-2.0
#include "agent/cni/conflist.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "agent/cni/json_text.h"
#include "agent/cni/versions.h"

namespace culvert::cni {

namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kPlugins = "plugins";

std::string text_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool is_ours(const Json& plugin) {
  return plugin.is_object() && text_of(plugin, "type") == kPluginType;
}

Result<Json> parse(std::string_view text) {
  if (nesting(text) > kJsonDepthMax) {
    return fail(Errc::config, "it nests deeper than any configuration does");
  }
  Json root = Json::parse(text, nullptr, false);
  if (!root.is_object()) {
    return fail(Errc::config, "it is no JSON object");
  }
  return root;
}

// The version in which a runtime speaks to the plugins: the newest that the file offers.
Result<> check_version(const Json& root) {
  std::vector<std::string> offered;
  if (root.contains("cniVersion")) {
    offered.push_back(text_of(root, "cniVersion"));
  }
  if (const auto all = root.find("cniVersions"); all != root.end() && all->is_array()) {
    for (const auto& version : *all) {
      offered.push_back(version.is_string() ? version.get<std::string>() : "");
    }
  }
  const bool spoken =
      std::ranges::any_of(offered, [](const auto& v) { return rank_of(v).has_value(); });
  const bool newer = std::ranges::any_of(offered, [](const auto& v) {
    return !rank_of(v) && !v.starts_with("0.");  // a runtime may choose it
  });
  if (spoken && !newer) {
    return {};
  }
  return fail(Errc::config, "its cniVersion is '" + (offered.empty() ? "" : offered.front()) +
                                "', and culvert-cni speaks 0.3.1 to 1.1.0");
}

// The plugins of a list, as values and as places in its text.
struct Plugins {
  Json root;
  std::vector<Span> places;
};

Result<Plugins> plugins_of(std::string_view text) {
  TRY(Json root, parse(text));
  const auto list = root.find(kPlugins);
  if (list == root.end() || !list->is_array()) {
    return fail(Errc::config, "it has no list of plugins");
  }
  const auto places = elements_of(text, kPlugins);
  if (!places || places->size() != list->size()) {
    return fail(Errc::config, "its key \"plugins\" is written in a way that can't be edited");
  }
  return Plugins{.root = std::move(root), .places = *places};
}

// What stands between an element and the one before it: the comma and the file's own line breaks.
std::string_view gap_before(std::string_view text, const Span& element) {
  std::size_t begin = element.begin;
  while (begin > 0 && std::string_view(" \t\r\n").contains(text[begin - 1])) {
    --begin;
  }
  return text.substr(begin, element.begin - begin);
}

std::string replaced(std::string_view text, std::size_t begin, std::size_t end,
                     std::string_view by) {
  return std::string(text.substr(0, begin)).append(by).append(text.substr(end));
}

// The text without element `i`, and without one of the commas beside it.
std::string without(std::string_view text, const std::vector<Span>& places, std::size_t i) {
  if (i > 0) {
    return replaced(text, places[i - 1].end, places[i].end, "");
  }
  const std::size_t end = places.size() > 1 ? places[1].begin : places[0].end;
  return replaced(text, places[0].begin, end, "");
}

// checked gives `text` if it says `expected`: an edit that went wrong must not reach a node's
// network.
Result<std::string> checked(std::string text, const Json& expected) {
  const Json root = Json::parse(text, nullptr, false);
  if (root != expected) {
    return fail(Errc::config, "it is written in a way that can't be edited");
  }
  return text;
}

// keep_first takes out all of our entries but the first `count`.
Result<std::string> keep_first(std::string_view list, std::size_t count) {
  std::string text(list);
  for (;;) {
    TRY(auto plugins, plugins_of(text));
    auto& values = plugins.root[kPlugins];
    std::size_t seen = 0;
    const auto surplus =
        std::ranges::find_if(values, [&](const Json& v) { return is_ours(v) && ++seen > count; });
    if (surplus == values.end()) {
      return text;
    }
    const auto place = static_cast<std::size_t>(surplus - values.begin());
    values.erase(place);
    TRY(text, checked(without(text, plugins.places, place), plugins.root));
  }
}

}  // namespace

Result<ConfKind> kind_of(std::string_view text) {
  TRY(const Json root, parse(text));
  if (text_of(root, "name").empty()) {
    return fail(Errc::config, "it has no name");
  }
  const bool single = !root.contains(kPlugins);
  if (single && text_of(root, "type").empty()) {
    return fail(Errc::config, "it has neither plugins nor a type");
  }
  if (!single) {
    TRY(const auto plugins, plugins_of(text));
    if (plugins.places.empty() ||
        !std::ranges::all_of(plugins.root[kPlugins], [](const Json& plugin) {
          return plugin.is_object() && !text_of(plugin, "type").empty();
        })) {
      return fail(Errc::config, "its plugins are none");
    }
  }
  TRY_VOID(check_version(root));
  return single ? ConfKind::single : ConfKind::list;
}

std::string entry_of(const EntryOptions& options) {
  Json entry = {{"type", kPluginType},
                {"runDir", options.run_dir},
                {"stateDir", options.state_dir},
                {"exemptNamespaces", options.exempt_namespaces}};
  if (!options.log_file.empty()) {
    entry["logFile"] = options.log_file;
  }
  return entry.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<std::string> with_entry(std::string_view list, std::string_view entry) {
  TRY(const std::string text, keep_first(list, 1));
  TRY(auto plugins, plugins_of(text));
  TRY(const Json wanted, parse(entry));
  auto& values = plugins.root[kPlugins];
  if (values.empty()) {
    return fail(Errc::config, "its plugins are none");
  }
  const auto ours = std::ranges::find_if(values, is_ours);
  if (ours == values.end()) {
    const Span& last = plugins.places.back();
    values.push_back(wanted);
    return checked(replaced(text, last.end, last.end,
                            "," + std::string(gap_before(text, last)) + std::string(entry)),
                   plugins.root);
  }
  if (*ours == wanted) {
    return text;
  }
  *ours = wanted;
  const Span& place = plugins.places[static_cast<std::size_t>(ours - values.begin())];
  return checked(replaced(text, place.begin, place.end, entry), plugins.root);
}

Result<std::string> without_entry(std::string_view list) {
  return keep_first(list, 0);
}

Result<std::string> wrapped(std::string_view single, std::string_view entry) {
  TRY(const Json root, parse(single));
  // The name stays: address management keeps its leases under it.
  const Json head = {{"cniVersion", text_of(root, "cniVersion")}, {"name", text_of(root, "name")}};
  std::string text = head.dump(-1, ' ', false, Json::error_handler_t::replace);
  text.pop_back();
  text.append(R"(,"plugins":[)").append(single).append(",").append(entry).append("]}\n");
  TRY(const Json wanted, parse(entry));
  Json expected = head;
  expected[kPlugins] = Json::array({root, wanted});
  return checked(std::move(text), expected);
}

}  // namespace culvert::cni
