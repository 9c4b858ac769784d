// A small API server that keeps objects, for who writes and watches them: over in-process pipes and
// our own HTTP/2, in virtual time. It knows resourceVersions and their conflicts, creation that is
// exclusive, field selectors, subresources of requests, and watches without an end.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "ztunnel/lib/http/h2_connection.h"
#include "ztunnel/lib/io/event.h"
#include "ztunnel/lib/net/pipe_stream.h"

namespace culvert::protocol {

using Json = nlohmann::json;

class KubeCluster {
 public:
  using Clock = std::function<std::chrono::system_clock::time_point()>;

  KubeCluster(io::Loop& loop, Clock clock) : loop_(loop), clock_(std::move(clock)) {}

  io::Task<std::unique_ptr<net::Stream>> dial();
  // leave ends all connections and takes no more until reachable is true again.
  void leave();
  io::Task<> close();

  // What an administrator does: put creates or replaces, remove deletes. Paths are those of the
  // API: "/api/v1/namespaces/shop/pods/cart-1".
  void put(const std::string& path, Json object);
  void remove(const std::string& path);
  // object gives null for one that is not there.
  Json object(const std::string& path) const;
  // under gives all objects whose path begins so.
  std::vector<Json> under(const std::string& prefix) const;
  // count tells how many requests began so: "POST /api/v1/namespaces/default/events".
  std::size_t count(const std::string& prefix) const;

  bool reachable = true;
  std::vector<std::string> requests;  // "GET /api/v1/pods?limit=500"
  // What admission adds to an object that is created, stamps of who did it.
  std::function<void(Json& object)> admit = [](Json&) {};
  // Gives a status instead of an answer; for faults.
  std::function<std::optional<int>(const std::string& request)> fault;

 private:
  struct Change {
    int version = 0;
    const char* type;
    std::string path;
    Json object;
  };
  struct Connection {
    Connection(io::Loop& loop, std::unique_ptr<net::Stream> end)
        : http(loop, std::move(end), http::H2Role::server),
          scope(loop, io::Scope::OnFailure::ignore) {}
    http::H2Connection http;
    io::Scope scope;
  };
  struct Reply {
    int status = 200;
    Json body;
  };

  static io::Task<> accept(KubeCluster& self, http::H2Connection& connection);
  static io::Task<> answer(KubeCluster& self, std::unique_ptr<http::H2Stream> stream);
  io::Task<> watch(http::H2Stream& stream, std::string collection, std::string query);
  Reply reply(const std::string& method, const std::string& path, const std::string& query,
              const std::string& body);
  Reply list(const std::string& collection, const std::string& query) const;
  Reply create(const std::string& collection, Json object);
  Reply replace(std::string path, Json object);
  void store(const std::string& path, Json object, const char* type);

  io::Loop& loop_;
  Clock clock_;
  int version_ = 0;
  std::map<std::string, Json> objects_;
  std::vector<Change> changes_;
  io::Event changed_;
  std::vector<std::unique_ptr<Connection>> connections_;
  io::Scope scope_{loop_, io::Scope::OnFailure::ignore};
};

}  // namespace culvert::protocol
