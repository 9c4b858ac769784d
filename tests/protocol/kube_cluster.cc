// SPDX-License-Identifier: Apache-2.0
#include "tests/protocol/kube_cluster.h"

#include <algorithm>
#include <charconv>

#include "ztunnel/lib/base/rfc3339.h"

namespace culvert::protocol {
namespace {

Json status_object(const char* reason) {
  return {{"kind", "Status"}, {"reason", reason}, {"message", "told so"}};
}

std::string decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    int byte = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 3, byte, 16).ec == std::errc()) {
      out += static_cast<char>(byte);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string parameter(std::string_view query, const std::string& name) {
  while (!query.empty()) {
    const auto end = std::min(query.find('&'), query.size());
    const auto pair = query.substr(0, end);
    if (pair.starts_with(name + "=")) {
      return decoded(pair.substr(name.size() + 1));
    }
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  return "";
}

// "spec.nodeName=a,status.phase!=Failed"
bool selected(const Json& object, std::string selector) {
  selector += ",";
  for (std::size_t begin = 0, end = 0; (end = selector.find(',', begin)) != std::string::npos;
       begin = end + 1) {
    const std::string term = selector.substr(begin, end - begin);
    const auto sign = term.find('=');
    if (sign == std::string::npos) {
      continue;
    }
    const bool unequal = term[sign - 1] == '!';
    std::string field = "/" + term.substr(0, sign - (unequal ? 1 : 0));
    std::ranges::replace(field, '.', '/');
    const Json::json_pointer pointer(field);
    const std::string value = object.contains(pointer) ? object.at(pointer).get<std::string>() : "";
    if ((value == term.substr(sign + 1)) == unequal) {
      return false;
    }
  }
  return true;
}

bool is_in(const std::string& path, const std::string& collection) {
  return path.starts_with(collection + "/") &&
         path.find('/', collection.size() + 1) == std::string::npos;
}

}  // namespace

io::Task<std::unique_ptr<net::Stream>> KubeCluster::dial() {
  if (!reachable) {
    co_await loop_.sleep(std::chrono::milliseconds(1));
    co_await fail(Errc::unavailable, "connect: refused");
  }
  auto ends = net::make_pipe(loop_, 256 * 1024);
  auto& connection =
      *connections_.emplace_back(std::make_unique<Connection>(loop_, std::move(ends[1])));
  connection.scope.spawn(connection.http.run());
  connection.scope.spawn(accept(*this, connection.http));
  co_return std::move(ends[0]);
}

void KubeCluster::leave() {
  reachable = false;
  for (const auto& connection : connections_) {
    connection->http.shutdown();
  }
}

io::Task<> KubeCluster::close() {
  scope_.cancel();
  (void)co_await io::as_result(scope_.join());
  for (const auto& connection : connections_) {
    connection->scope.cancel();
    (void)co_await io::as_result(connection->scope.join());
  }
}

void KubeCluster::put(const std::string& path, Json object) {
  object["metadata"]["name"] = path.substr(path.rfind('/') + 1);
  if (const auto at = path.find("/namespaces/"); at != std::string::npos) {
    const auto begin = at + 12;
    object["metadata"]["namespace"] = path.substr(begin, path.find('/', begin) - begin);
  }
  store(path, std::move(object), objects_.contains(path) ? "MODIFIED" : "ADDED");
}

void KubeCluster::remove(const std::string& path) {
  if (const auto found = objects_.find(path); found != objects_.end()) {
    Json object = std::move(found->second);
    objects_.erase(found);
    object["metadata"]["resourceVersion"] = std::to_string(++version_);
    changes_.push_back({version_, "DELETED", path, std::move(object)});
    changed_.notify_all();
  }
}

Json KubeCluster::object(const std::string& path) const {
  const auto found = objects_.find(path);
  return found == objects_.end() ? Json() : found->second;
}

std::vector<Json> KubeCluster::under(const std::string& prefix) const {
  std::vector<Json> all;
  for (const auto& [path, object] : objects_) {
    if (path.starts_with(prefix)) {
      all.push_back(object);
    }
  }
  return all;
}

std::size_t KubeCluster::count(const std::string& prefix) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      requests, [&](const std::string& request) { return request.starts_with(prefix); }));
}

io::Task<> KubeCluster::accept(KubeCluster& self, http::H2Connection& connection) {
  while (auto stream = co_await connection.accept()) {
    self.scope_.spawn(answer(self, std::move(stream)));
  }
}

io::Task<> KubeCluster::answer(KubeCluster& self, std::unique_ptr<http::H2Stream> stream) {
  const std::string method = *http::find_header(stream->request(), ":method");
  const std::string target = *http::find_header(stream->request(), ":path");
  const auto mark = std::min(target.find('?'), target.size());
  const std::string path = target.substr(0, mark);
  const std::string query = target.substr(std::min(mark + 1, target.size()));
  self.requests.push_back(method + " " + target);
  std::string body;
  std::vector<std::uint8_t> buffer(4096);
  while (const std::size_t n = co_await stream->read_some(buffer)) {
    body += as_text({buffer.data(), n});
  }
  const auto wrong = self.fault ? self.fault(method + " " + target) : std::nullopt;
  if (!wrong && parameter(query, "watch") == "true") {
    co_await self.watch(*stream, path, query);
    co_return;
  }
  const Reply reply =
      wrong ? Reply{*wrong, status_object("Fault")} : self.reply(method, path, query, body);
  co_await stream->respond(reply.status);
  const std::string text = reply.body.dump();
  co_await stream->write_all(as_bytes(text));
  co_await stream->shutdown_write();
}

io::Task<> KubeCluster::watch(http::H2Stream& stream, std::string collection, std::string query) {
  int version = std::atoi(parameter(query, "resourceVersion").c_str());
  const auto selector = parameter(query, "fieldSelector");
  co_await stream.respond(200);
  for (;;) {
    std::string events;
    for (const auto& change : changes_) {
      if (change.version > version && is_in(change.path, collection) &&
          selected(change.object, selector)) {
        events += Json{{"type", change.type}, {"object", change.object}}.dump() + "\n";
      }
    }
    version = version_;
    co_await stream.write_all(as_bytes(events));
    while (version_ == version) {
      co_await changed_.wait();
    }
  }
}

KubeCluster::Reply KubeCluster::reply(const std::string& method, const std::string& path,
                                      const std::string& query, const std::string& body) {
  const Json object = Json::parse(body, nullptr, /* allow_exceptions= */ false);
  if (method == "POST") {
    return create(path, object);
  }
  if (method == "PUT") {
    return replace(path, object);
  }
  const auto found = objects_.find(path);
  if (found == objects_.end()) {
    const bool is_name = path.contains("/secrets/") || path.contains("/configmaps/") ||
                         path.contains("/certificatesigningrequests/");
    return is_name ? Reply{404, status_object("NotFound")} : list(path, query);
  }
  if (method == "DELETE") {
    remove(path);
    return {200, {{"kind", "Status"}, {"status", "Success"}}};
  }
  return {200, found->second};
}

KubeCluster::Reply KubeCluster::list(const std::string& collection,
                                     const std::string& query) const {
  Json items = Json::array();
  const auto selector = parameter(query, "fieldSelector");
  for (const auto& [path, object] : objects_) {
    if (is_in(path, collection) && selected(object, selector)) {
      items.push_back(object);
    }
  }
  return {200,
          {{"kind", "List"},
           {"metadata", {{"resourceVersion", std::to_string(version_)}}},
           {"items", std::move(items)}}};
}

KubeCluster::Reply KubeCluster::create(const std::string& collection, Json object) {
  const std::string path = collection + "/" + object["metadata"]["name"].get<std::string>();
  if (objects_.contains(path)) {
    return {409, status_object("AlreadyExists")};
  }
  admit(object);
  store(path, std::move(object), "ADDED");
  return {201, objects_[path]};
}

KubeCluster::Reply KubeCluster::replace(std::string path, Json object) {
  const auto last = path.substr(path.rfind('/'));
  if (last == "/status" || last == "/approval") {
    path.erase(path.size() - last.size());
  }
  const auto found = objects_.find(path);
  if (found == objects_.end()) {
    return {404, status_object("NotFound")};
  }
  if (object["metadata"]["resourceVersion"] != found->second["metadata"]["resourceVersion"]) {
    return {409, status_object("Conflict")};
  }
  store(path, std::move(object), "MODIFIED");
  return {200, objects_[path]};
}

void KubeCluster::store(const std::string& path, Json object, const char* type) {
  auto& metadata = object["metadata"];
  metadata["resourceVersion"] = std::to_string(++version_);
  if (!metadata.contains("uid")) {
    metadata["uid"] = "uid-" + std::to_string(version_);
    metadata["creationTimestamp"] = to_rfc3339(clock_());
  }
  changes_.push_back({version_, type, path, object});
  objects_[path] = std::move(object);
  changed_.notify_all();
}

}  // namespace culvert::protocol
