// SPDX-License-Identifier: Apache-2.0
#include "agent/kube/resource.h"

namespace culvert::kube {
namespace {

// RFC 3986 §2.3: what need not be encoded anywhere.
bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

void append_encoded(std::string& out, std::string_view text) {
  static constexpr std::string_view kDigits = "0123456789ABCDEF";
  for (const char c : text) {
    if (is_unreserved(c)) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
}

}  // namespace

std::string collection_path(const Resource& resource, std::string_view in_namespace) {
  // The core group is older than groups, and has no name in paths.
  std::string path = resource.api_version.contains('/') ? "/apis/" : "/api/";
  path += resource.api_version + "/";
  if (!in_namespace.empty()) {
    path += "namespaces/";
    append_encoded(path, in_namespace);
    path += "/";
  }
  return path + resource.plural;
}

std::string object_path(const Resource& resource, std::string_view in_namespace,
                        std::string_view name) {
  std::string path = collection_path(resource, in_namespace) + "/";
  append_encoded(path, name);
  return path;
}

std::string with_query(std::string path, const Query& query) {
  char separator = '?';
  for (const auto& [name, value] : query) {
    path += separator;
    append_encoded(path, name);
    path += '=';
    append_encoded(path, value);
    separator = '&';
  }
  return path;
}

}  // namespace culvert::kube
