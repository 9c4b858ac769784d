// Routes: from path and method to an answer.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "ztunnel/admin/http_server.h"

namespace culvert::admin {

HttpResponse text_response(int status, std::string body) {
  return {.status = status, .content_type = std::string(kTextType), .body = std::move(body)};
}

HttpResponse json_response(std::string body) {
  return {.status = 200, .content_type = std::string(kJsonType), .body = std::move(body)};
}

Routes& Routes::get(std::string path, Answer answer) {
  by_path_[std::move(path)]["GET"] = std::move(answer);
  return *this;
}

Routes& Routes::post(std::string path, Answer answer) {
  by_path_[std::move(path)]["POST"] = std::move(answer);
  return *this;
}

HttpResponse Routes::answer(const HttpRequest& request) const {
  const auto found = by_path_.find(request.path);
  if (found == by_path_.end()) {
    return text_response(404, fmt::format("nothing is served at {}\n", request.path));
  }
  const auto& methods = found->second;
  const auto answer = methods.find(request.method == "HEAD" ? "GET" : request.method);
  if (answer == methods.end()) {
    return text_response(405,
                         fmt::format("{} takes {} only\n", request.path, methods.begin()->first));
  }
  return answer->second(request);
}

std::vector<std::string> Routes::paths() const {
  std::vector<std::string> all;
  for (const auto& [path, methods] : by_path_) {
    for (const auto& [method, answer] : methods) {
      all.push_back(fmt::format("{} {}", method, path));
    }
  }
  return all;
}

}  // namespace culvert::admin
