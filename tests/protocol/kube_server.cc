// SPDX-License-Identifier: Apache-2.0
#include "tests/protocol/kube_server.h"

#include <algorithm>

namespace culvert::protocol {

std::string pod(const std::string& name, int version) {
  return R"({"metadata":{"name":")" + name + R"(","managedFields":[{}],"resourceVersion":")" +
         std::to_string(version) + "\"}}";
}

std::string event(const std::string& type, const std::string& name, int version) {
  return R"({"type":")" + type + R"(","object":)" + pod(name, version) + "}\n";
}

std::string status_event(int code) {
  return R"({"type":"ERROR","object":{"kind":"Status","message":"told so","code":)" +
         std::to_string(code) + "}}\n";
}

Answer list(int version, const std::vector<std::string>& names, const std::string& next_page) {
  std::string body = R"({"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":")" +
                     std::to_string(version) + R"(","continue":")" + next_page + R"("},"items":[)";
  for (const auto& name : names) {
    body += (body.ends_with('[') ? "" : ",") + pod(name, 1);
  }
  return {.body = body + "]}\n"};
}

Answer watch(const std::string& events, Answer::End end) {
  return {.body = events, .end = end};
}

Answer refuse(int status, http::HeaderList headers) {
  return {.status = status,
          .body = R"({"kind":"Status","reason":"Told","message":"no"})",
          .headers = std::move(headers)};
}

io::Task<std::unique_ptr<net::Stream>> ApiServer::dial() {
  ++dials;
  if (!reachable) {
    co_await loop_.sleep(1ms);
    co_await fail(Errc::unavailable, "connect: refused");
  }
  auto ends = net::make_pipe(loop_, 256 * 1024);
  if (mute) {
    muted_.push_back(std::move(ends[1]));
  } else {
    auto& connection =
        *connections_.emplace_back(std::make_unique<Connection>(loop_, std::move(ends[1])));
    connection.scope.spawn(connection.http.run());
    connection.scope.spawn(accept(*this, connection.http));
  }
  co_return std::move(ends[0]);
}

io::Task<> ApiServer::accept(ApiServer& server, http::H2Connection& connection) {
  while (auto stream = co_await connection.accept()) {
    server.scope_.spawn(answer(server, std::move(stream)));
  }
}

io::Task<> ApiServer::hang(ApiServer& server, const http::H2Stream& stream) {
  while (!stream.broken()) {
    co_await server.loop_.sleep(10s);
  }
}

Answer ApiServer::next_answer(const std::string& path) {
  const auto at = answers_at.find(path.substr(0, path.find('?')));
  auto& queue = at != answers_at.end() && !at->second.empty() ? at->second : answers;
  if (queue.empty()) {
    return otherwise;
  }
  Answer next = std::move(queue.front());
  queue.pop_front();
  return next;
}

io::Task<> ApiServer::answer(ApiServer& server, std::unique_ptr<http::H2Stream> stream) {
  const auto& request = stream->request();
  server.requests.push_back(*http::find_header(request, ":method") + " " +
                            *http::find_header(request, ":path"));
  server.times.push_back(server.loop_.now());
  std::string text;
  for (const auto& header : request) {
    text += header.name + ": " + header.value + "\n";
  }
  server.headers.push_back(text);
  server.bodies.emplace_back();
  const std::size_t index = server.bodies.size() - 1;
  Answer answer = server.next_answer(*http::find_header(request, ":path"));
  std::vector<std::uint8_t> buffer(4096);
  while (const std::size_t n = co_await stream->read_some(buffer)) {
    server.bodies[index] += as_text({buffer.data(), n});
  }
  if (answer.silent) {
    co_await hang(server, *stream);
  }
  co_await stream->respond(answer.status, answer.headers);
  co_await stream->write_all(as_bytes(answer.body));
  switch (answer.end) {
    case Answer::End::end: co_await stream->shutdown_write(); break;
    case Answer::End::hang: co_await hang(server, *stream); break;
    case Answer::End::reset: stream->reset(); break;
  }
}

void ApiServer::goaway() {
  auto& newest = *connections_.back();
  newest.scope.spawn(newest.http.drain());
}

void ApiServer::freeze() {
  for (const auto& connection : connections_) {
    connection->scope.cancel();
  }
}

void ApiServer::cut() {
  for (const auto& connection : connections_) {
    connection->http.shutdown();
  }
}

io::Task<> ApiServer::close() {
  scope_.cancel();
  (void)co_await io::as_result(scope_.join());
  for (const auto& connection : connections_) {
    connection->scope.cancel();
    (void)co_await io::as_result(connection->scope.join());
  }
}

std::size_t ApiServer::requests_since(io::TimePoint since) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(times, [&](io::TimePoint time) { return time > since; }));
}

namespace {

std::string name_of(const nlohmann::json& object, View& view) {
  if (object.value("kind", "") != "Pod" && !object["metadata"].contains("name")) {
    view.problems.emplace_back("an object without a kind");
  }
  if (object["metadata"].contains("managedFields")) {
    view.problems.emplace_back("managedFields");
  }
  return object["metadata"]["name"];
}

std::string version_of(const nlohmann::json& object) {
  return object["metadata"]["resourceVersion"];
}

}  // namespace

kube::Consumer View::consumer() {
  return {.on_replace_begin =
              [this] {
                told += "[";
                listed.emplace();
              },
          .on_replace_item =
              [this](const nlohmann::json& object) {
                if (object.value("kind", "") != "Pod" || object.value("apiVersion", "") != "v1") {
                  problems.emplace_back("an item without its kind");
                }
                told += name_of(object, *this) + " ";
                (*listed)[name_of(object, *this)] = version_of(object);
              },
          .on_replace_end =
              [this] {
                told += "] ";
                pods = std::move(*listed);
                listed.reset();
              },
          .on_changed =
              [this](const nlohmann::json& object) {
                told += name_of(object, *this) + "! ";
                pods[name_of(object, *this)] = version_of(object);
              },
          .on_deleted =
              [this](const nlohmann::json& object) {
                told += name_of(object, *this) + "- ";
                pods.erase(name_of(object, *this));
              },
          .on_status = [this] { ++statuses; }};
}

std::string View::names() const {
  std::string text;
  for (const auto& [name, version] : pods) {
    text += (text.empty() ? "" : " ") + name;
  }
  return text;
}

World::World(io::SimLoop& on, kube::Token token)
    : loop(on),
      client(
          loop, rng, [this] { return server.dial(); }, std::move(token)),
      reflector(loop, rng, client,
                {.resource = {.api_version = "v1", .kind = "Pod", .plural = "pods"}},
                view.consumer()) {
  scope.spawn(client.run());
}

io::Task<> World::close() {
  scope.cancel();
  (void)co_await io::as_result(scope.join());
  co_await server.close();
  CHECK(view.problems.empty());
}

sim::Scenario scenario(io::Task<> (*body)(World&)) {
  return [body](io::SimLoop& loop) {
    return [](io::SimLoop& on, io::Task<> (*run)(World&)) -> io::Task<> {
      World world(on);
      world.scope.spawn(world.reflector.run());
      auto result = co_await io::as_result(run(world));
      co_await world.close();
      co_await std::move(result);
    }(loop, body);
  };
}

void play(io::Task<> (*body)(World&)) {
  for (const auto& problem : sim::run_seed(scenario(body), 7).problems) {
    FAIL_CHECK(problem);
  }
}

}  // namespace culvert::protocol
