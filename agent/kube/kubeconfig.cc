// The kubeconfig: kubernetes.io/docs/reference/config-api/kubeconfig.v1.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <filesystem>

#include "agent/kube/config.h"
#include "agent/kube/text_file.h"
#include "ztunnel/lib/base/base64.h"

namespace culvert::kube {
namespace {

// What a cluster or a user may say and we can't do, with the way out.
struct Unsupported {
  const char* key;
  const char* instead;
};
constexpr Unsupported kOfClusters[] = {
    {"insecure-skip-tls-verify", "give certificate-authority"},
    {"proxy-url", "give an address that can be reached without a proxy"},
};
constexpr Unsupported kOfUsers[] = {
    {"exec", "give a token, a tokenFile or a client certificate"},
    {"auth-provider", "give a token, a tokenFile or a client certificate"},
    {"username", "give a token, a tokenFile or a client certificate"},
    {"as", "give the credentials of whom it should act as"},
};

YAML::Node child(const YAML::Node& node, const char* key) {
  return node.IsMap() ? node[key] : YAML::Node(YAML::NodeType::Undefined);
}

std::string text(const YAML::Node& node, const char* key) {
  const YAML::Node value = child(node, key);
  return value.IsDefined() && value.IsScalar() ? value.Scalar() : "";
}

// One part of a kubeconfig (a cluster, a user, a context), with what its errors need.
struct Part {
  std::string where;   // "/etc/kubeconfig: user admin"
  std::string folder;  // that relative paths start from
  YAML::Node node;

  Result<> refuse(std::span<const Unsupported> all) const {
    for (const Unsupported& one : all) {
      const auto value = child(node, one.key);
      if (value.IsDefined() && !value.IsNull() && text(node, one.key) != "false") {
        return fail(Errc::config,
                    fmt::format("{}: {} is not supported; {}", where, one.key, one.instead));
      }
    }
    return {};
  }

  std::string file(const char* key) const {
    const auto path = text(node, key);
    return path.empty() ? path : (std::filesystem::path(folder) / path).lexically_normal().string();
  }

  // pem reads KEY-data, which wins, or KEY.
  Result<Pem> pem(const std::string& key) const {
    const auto encoded = text(node, (key + "-data").c_str());
    if (encoded.empty()) {
      return Pem{.path = file(key.c_str())};
    }
    auto decoded = from_base64(encoded);
    if (!decoded || decoded->empty()) {
      return fail(Errc::config, fmt::format("{}: {}-data is not base64", where, key));
    }
    return Pem{.text = std::move(*decoded)};
  }
};

class Kubeconfig {
 public:
  Kubeconfig(std::string path, YAML::Node root) : path_(std::move(path)), root_(std::move(root)) {}

  Result<Config> read(std::string context_name) const {
    if (context_name.empty()) {
      context_name = text(root_, "current-context");
    }
    if (context_name.empty()) {
      return fail(Errc::config, path_ + ": it has no current-context; name the context to use");
    }
    TRY(const Part context, find("contexts", "context", context_name));
    TRY(const Part cluster, find("clusters", "cluster", text(context.node, "cluster")));
    TRY(const Part user, find("users", "user", text(context.node, "user")));
    TRY_VOID(cluster.refuse(kOfClusters));
    TRY_VOID(user.refuse(kOfUsers));
    Config config;
    TRY_VOID(read_cluster(cluster, config));
    TRY_VOID(read_user(user, config));
    return config;
  }

 private:
  // find gives the entry of `list` that has this name: {name: NAME, KIND: {…}}.
  Result<Part> find(const char* list, const char* kind, const std::string& name) const {
    for (const auto& entry : child(root_, list)) {
      if (text(entry, "name") == name) {
        return Part{.where = fmt::format("{}: {} {}", path_, kind, name),
                    .folder = std::filesystem::path(path_).parent_path().string(),
                    .node = child(entry, kind)};
      }
    }
    return fail(Errc::config, fmt::format("{}: it has no {} \"{}\"", path_, kind, name));
  }

  static Result<> read_cluster(const Part& cluster, Config& config) {
    if (auto server = parse_server(text(cluster.node, "server"), config); !server) {
      return fail(prefixed(cluster.where, std::move(server).error()));
    }
    if (const auto name = text(cluster.node, "tls-server-name"); !name.empty()) {
      config.server_name = name;
    }
    TRY(config.roots, cluster.pem("certificate-authority"));
    if (!config.roots.given()) {
      return fail(Errc::config, cluster.where +
                                    ": it has no certificate-authority; the system's own roots "
                                    "are not used here, give the file of those that sign it");
    }
    return {};
  }

  static Result<> read_user(const Part& user, Config& config) {
    TRY(config.certificate, user.pem("client-certificate"));
    TRY(config.key, user.pem("client-key"));
    if (config.certificate.given() != config.key.given()) {
      return fail(Errc::config, user.where + ": client-certificate and client-key need each other");
    }
    // client-go: a tokenFile is preferred, since the text beside it is what the file once was.
    if (auto path = user.file("tokenFile"); !path.empty()) {
      config.token = Token::of_file(std::move(path));
    } else if (auto token = text(user.node, "token"); !token.empty()) {
      config.token = Token::of_text(std::move(token));
    } else if (!config.certificate.given()) {
      return fail(Errc::config, user.where + ": it has no token, tokenFile or client-certificate");
    }
    return {};
  }

  std::string path_;
  YAML::Node root_;
};

}  // namespace

Result<Config> read_kubeconfig(const std::string& path, const std::string& context) {
  TRY(const auto content, read_text(path, kConfigBytesMax));
  // yaml-cpp throws; nothing of it gets past this function.
  try {
    return Kubeconfig(path, YAML::Load(content)).read(context);
  } catch (const YAML::Exception& exception) {
    return fail(Errc::config, path + ": it is no kubeconfig: " + exception.what());
  }
}

}  // namespace culvert::kube
