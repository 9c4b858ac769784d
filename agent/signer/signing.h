// Signing: the life of a request from the moment the API server shows it to the signed leaf, the
// refusal, or its removal. Each replica does it for all of them; where both do, the API server
// takes the first and the other one's write is a conflict, which counts for nothing.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <map>
#include <string>

#include "agent/kube/reflector.h"
#include "agent/signer/judge.h"
#include "agent/signer/keeper.h"
#include "ztunnel/lib/obs/metrics.h"

namespace culvert::signer {

// Requests that are served at once: each takes three round trips to the API server.
inline constexpr int kServedAtOnce = 8;
// An agent waits for 7 s; what is older has no reader, and would fill etcd.
inline constexpr std::chrono::minutes kRequestLife{10};
inline constexpr std::chrono::minutes kRemovalInterval{1};
// After a request could not be served for a reason that is not its own.
inline constexpr std::chrono::seconds kServeAgain{2};

class Signing {
 public:
  using Clock = Events::Clock;

  // All that it is given must outlive run().
  Signing(io::Loop& loop, Rng& rng, kube::Client& client, AuthorityKeeper& keeper, Events& events,
          obs::Metrics& metrics, Rules rules, Clock clock);

  // run follows the requests, until it is cancelled.
  io::Task<> run();

  // synced: the requests are known.
  bool synced() const { return reflector_.status().synced(); }

 private:
  struct Request {
    CertificateRequest said;
    Json object;          // null once it is closed
    bool queued = false;  // or being served
    bool again = false;   // it has changed while it was served
  };
  using Requests = std::map<std::string, Request>;

  kube::Consumer consumer();
  void take(const Json& object, Requests& into);
  void enqueue(const std::string& name, Request& request);
  io::Task<> serve_queue();
  io::Task<> serve(CertificateRequest request, Json object);
  io::Task<> sign(Grant grant, CertificateRequest request, Json object);
  io::Task<> refuse(CertificateRequest request, Json object, std::string sentence);
  // with_condition gives the object as the API server has it after it took the condition.
  io::Task<Json> with_condition(Json object, std::string type, std::string reason,
                                std::string sentence);
  io::Task<Json> put(Json object, const char* subresource);
  io::Task<> remove_old_ones();

  io::Loop& loop_;
  kube::Client& client_;
  AuthorityKeeper& keeper_;
  Events& events_;
  Rules rules_;
  Clock clock_;
  obs::Counter& signed_;
  obs::Counter& refused_;
  obs::Counter& failed_;
  Requests requests_;
  Requests listed_;  // of a list that has not ended
  std::deque<std::string> queue_;
  io::Event queued_;
  obs::RateLimitedLog log_{{.level = obs::Level::warn, .scope = "signer"}};
  kube::Reflector reflector_;
};

}  // namespace culvert::signer
