// An API server that answers as it is told, over in-process pipes and our own HTTP/2, in virtual
// time; and a client of it with a reflector, whose consumer keeps what it was told.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <doctest/doctest.h>

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/kube/reflector.h"
#include "tests/support/sim.h"
#include "ztunnel/lib/http/h2_connection.h"
#include "ztunnel/lib/net/pipe_stream.h"

namespace culvert::protocol {

using namespace std::chrono_literals;

// One answer of the server.
struct Answer {
  enum class End : std::uint8_t { end, hang, reset };

  int status = 200;
  std::string body = {};
  End end = End::end;             // what comes after the body
  http::HeaderList headers = {};  // besides the status
  bool silent = false;            // nothing is ever said, not even a status
};

// The texts of answers: pods by name and resourceVersion.
std::string pod(const std::string& name, int version);
std::string event(const std::string& type, const std::string& name, int version);
std::string status_event(int code);
Answer list(int version, const std::vector<std::string>& names, const std::string& next_page = {});
Answer watch(const std::string& events, Answer::End end = Answer::End::hang);
Answer refuse(int status, http::HeaderList headers = {});

class ApiServer {
 public:
  explicit ApiServer(io::Loop& loop) : loop_(loop) {}

  io::Task<std::unique_ptr<net::Stream>> dial();
  // goaway drains the newest connection; freeze makes all go silent as a dead host's, cut ends
  // them.
  void goaway();
  void freeze();
  void cut();
  io::Task<> close();

  std::map<std::string, std::deque<Answer>> answers_at;  // to requests of one path in their order,
  std::deque<Answer> answers;                            // to others in theirs,
  Answer otherwise = watch({});                          // and to all that are left
  std::vector<std::string> requests;                     // "GET /api/v1/pods?limit=500"
  std::vector<std::string> headers;  // of each: "authorization: Bearer one\ncontent-type: …"
  std::vector<std::string> bodies;   // of each
  std::vector<io::TimePoint> times;  // of each
  bool reachable = true;
  bool mute = false;  // connections are taken, and nothing is said on them
  int dials = 0;

  // requests_since counts requests that came later than `since`.
  std::size_t requests_since(io::TimePoint since) const;

 private:
  struct Connection {
    Connection(io::Loop& loop, std::unique_ptr<net::Stream> end)
        : http(loop, std::move(end), http::H2Role::server),
          scope(loop, io::Scope::OnFailure::ignore) {}
    http::H2Connection http;
    io::Scope scope;
  };
  Answer next_answer(const std::string& path);
  static io::Task<> accept(ApiServer& server, http::H2Connection& connection);
  static io::Task<> hang(ApiServer& server, const http::H2Stream& stream);
  static io::Task<> answer(ApiServer& server, std::unique_ptr<http::H2Stream> stream);

  io::Loop& loop_;
  std::vector<std::unique_ptr<net::Stream>> muted_;
  std::vector<std::unique_ptr<Connection>> connections_;
  io::Scope scope_{loop_, io::Scope::OnFailure::ignore};
};

// What a consumer was told: "[a b] c! d- |" is a list of a and b, then c changed, d is gone, and a
// list began that has not ended.
struct View {
  std::string told;
  std::map<std::string, std::string> pods;  // name to resourceVersion
  std::optional<std::map<std::string, std::string>> listed;
  std::vector<std::string> problems;
  int statuses = 0;

  kube::Consumer consumer();
  std::string names() const;
};

struct World {
  explicit World(io::SimLoop& on, kube::Token token = {});
  // until waits for `condition`; the test fails if it does not come within 10 minutes.
  template <class Condition>
  io::Task<> until(Condition condition) {
    for (int i = 0; i < 6000; ++i) {
      if (condition()) {
        co_return;
      }
      co_await loop.sleep(100ms);
    }
    co_await fail(Errc::timed_out, "what should happen did not: " + view.told +
                                       ", last error: " + reflector.status().error);
  }
  io::Task<> until_known(std::string names) {
    co_await until([this, names] { return view.names() == names; });
  }
  io::Task<> close();

  io::SimLoop& loop;
  Rng rng{1};
  ApiServer server{loop};
  View view;
  kube::Client client;
  kube::Reflector reflector;
  io::Scope scope{loop, io::Scope::OnFailure::ignore};
};

// scenario plays `body` in a world whose reflector runs; play does so and expects no problem.
sim::Scenario scenario(io::Task<> (*body)(World&));
void play(io::Task<> (*body)(World&));

}  // namespace culvert::protocol
