// SPDX-License-Identifier: Apache-2.0
#include "tools/culvertctl/ca.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "agent/signer/names.h"
#include "tools/culvertctl/table.h"
#include "ztunnel/lib/base/rfc3339.h"

namespace culvert::ctl {
namespace {

constexpr std::size_t kShownOfSha = 16;  // digits: enough to tell a few roots apart

// A JSON text within an object, null where it is none.
Json parsed(const Json& map, const char* key) {
  return Json::parse(text(field(map, "data"), key), nullptr, /* allow_exceptions= */ false);
}

std::string until(const Json& value, std::string_view key, WallClock now) {
  const auto time = parse_rfc3339(text(value, key));
  return time ? short_duration(*time - now) : "";
}

std::string since(const Json& value, std::string_view key, WallClock now) {
  const auto time = parse_rfc3339(text(value, key));
  return time ? short_duration(now - *time) : "";
}

std::string short_sha(std::string sha) {
  sha.resize(std::min(sha.size(), kShownOfSha));
  return sha;
}

Cell state_of(const Json& root, const Json& signing, WallClock now) {
  if (text(root, "sha256") == text(signing, "root")) {
    return {"signs", Tone::good};
  }
  if (const auto replaced = since(root, "replaced", now); !replaced.empty()) {
    return {fmt::format("replaced for {}, accepted still", replaced), Tone::faint};
  }
  const auto successor = until(signing, "succeededAt", now);
  return successor.empty() ? "accepted" : fmt::format("accepted, signs in {}", successor);
}

Result<bool> has_secret(const std::string& in_namespace, const char* name) {
  TRY(const auto found, kubectl({"get", "secret", name, "--namespace", in_namespace,
                                 "--ignore-not-found", "-o", "name"}));
  return !found.empty();
}

// Kept out of `kubectl apply`, which would write the key into an annotation as well.
Command put_given(const RotateOptions& options, bool is_there) {
  Command create{
      "kubectl",           "create", "secret", "generic", signer::kGivenSecret, "--namespace",
      options.in_namespace};
  for (const char* file : {"ca-cert.pem", "ca-key.pem", "cert-chain.pem", "root-cert.pem"}) {
    create.push_back(fmt::format("--from-file={}/{}", options.from, file));
  }
  if (!is_there) {
    return create;
  }
  create.insert(create.end(), {"--dry-run=client", "-o", "yaml"});
  return {"sh", "-c", to_shell(create) + " | kubectl replace -f -"};
}

Result<> rotate_or_fail(const RotateOptions& options) {
  Authorities authorities;
  TRY(authorities.given, has_secret(options.in_namespace, signer::kGivenSecret));
  TRY(authorities.own, has_secret(options.in_namespace, signer::kOwnSecret));
  TRY(const auto steps, plan_rotation(options, authorities));
  if (!options.run) {
    show_steps(steps, "rotate");
    return {};
  }
  TRY_VOID(run_steps(steps));
  std::puts("# culvertctl ca shows when it signs");
  return {};
}

}  // namespace

Json read_published(const Json& config_map) {
  Json published{{"signing", parsed(config_map, signer::kSigning)}, {"roots", Json::array()}};
  const Json roots = parsed(config_map, signer::kRootsTimes);
  if (roots.is_object()) {
    for (const auto& [sha256, of_root] : roots.items()) {
      Json root{{"sha256", sha256}};
      for (const char* key : {"published", "replaced", "expires"}) {
        if (of_root.is_object() && of_root.contains(key)) {
          root[key] = text(of_root, key);
        }
      }
      published["roots"].push_back(std::move(root));
    }
  }
  return published;
}

std::string render_ca(const Json& published, WallClock now, bool colour) {
  const Json& signing = field(published, "signing");
  Table table{.columns = {"ROOT", "EXPIRES IN", "KNOWN FOR", "STATE"}};
  for (const Json& root : field(published, "roots")) {
    table.rows.push_back({short_sha(text(root, "sha256")), until(root, "expires", now),
                          since(root, "published", now), state_of(root, signing, now)});
  }
  const auto secret = printable(text(signing, "secret"));
  return (secret.empty() ? "nothing signs yet\n"
                         : fmt::format("the Secret {} signs, and expires in {}\n", secret,
                                       until(signing, "expires", now))) +
         render(table, colour);
}

Result<Json> look_at_ca(const std::string& in_namespace) {
  TRY(const auto found, kubectl({"get", "configmap", signer::kRootsMap, "--namespace", in_namespace,
                                 "--ignore-not-found", "-o", "json"}));
  if (found.empty()) {
    return fail(Errc::not_found,
                fmt::format("no signer has published a root in the namespace {}: is Culvert "
                            "installed there?",
                            in_namespace));
  }
  TRY(const auto map, parse_json(found, "what kubectl gives"));
  return read_published(map);
}

Result<std::vector<Step>> plan_rotation(const RotateOptions& options,
                                        const Authorities& authorities) {
  if (!options.from.empty()) {
    return std::vector<Step>{
        {fmt::format("the CA in {} is to sign: at once where it leads to the same root, and else "
                     "when every workload knows the new one",
                     options.from),
         put_given(options, authorities.given)}};
  }
  if (authorities.given) {
    return fail(Errc::config, fmt::format("the CA is given by the Secret {}: say with --from in "
                                          "which folder the one is that is to succeed it",
                                          signer::kGivenSecret));
  }
  if (!authorities.own) {
    return fail(Errc::config, fmt::format("there is no CA in the namespace {}: is Culvert "
                                          "installed there?",
                                          options.in_namespace));
  }
  return std::vector<Step>{
      {"the signers make another root, which signs when every workload knows it",
       {"kubectl", "delete", "secret", signer::kOwnSecret, "--namespace", options.in_namespace}}};
}

int rotate(const RotateOptions& options) {
  const auto done = rotate_or_fail(options);
  if (!done) {
    std::fprintf(stderr, "culvertctl: %s\n", to_string(done.error()).c_str());
  }
  return done ? 0 : 1;
}

}  // namespace culvert::ctl
