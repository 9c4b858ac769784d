// MeshFeed: the control thread's part of the proxy. It turns what xDS, the CA and ZDS say into what
// the workers are told: snapshots, identities, pods.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "ztunnel/lib/control/certificate_store.h"
#include "ztunnel/lib/control/xds_client.h"
#include "ztunnel/lib/io/scope.h"
#include "ztunnel/lib/obs/metrics.h"
#include "ztunnel/lib/policy/store.h"
#include "ztunnel/proxy/worker.h"
#include "ztunnel/proxy/zds_client.h"

namespace culvert::proxy {

class MeshFeed final : public PodKeeper {
 public:
  using Workers = std::vector<std::unique_ptr<Worker>>;

  // All of them must outlive it; everything runs on `loop`'s thread.
  MeshFeed(io::Loop& loop, Workers& workers, control::CertificateStore& certificates,
           obs::Metrics& metrics, std::string trust_domain);

  // What xDS tells it.
  control::XdsCallbacks xds_callbacks();

  // What ZDS tells it.
  io::Task<> add(ZdsPod added) override;
  io::Task<> remove(std::string uid) override;
  io::Task<> keep_only(std::set<std::string> uids) override;

  // identity_changed passes on a certificate that was renewed.
  void identity_changed(const SpiffeId& id, IdentityPtr identity);

  // stop ends the fetches of certificates that are under way.
  io::Task<> stop();

  policy::SnapshotPtr mesh() { return store_.snapshot(); }
  const std::map<std::string, PodPtr>& pods() const { return pods_; }
  // pending names what readiness still waits for, in ztunnel's words.
  std::vector<std::string> pending() const;

 private:
  std::vector<control::XdsRejection> apply(std::string_view type_url,
                                           const std::vector<control::XdsResource>& resources,
                                           const std::vector<std::string>& removed);
  void publish();
  void remove_pod(const std::string& uid);
  SpiffeId identity_of(const Pod& pod);
  void want_identities();
  io::Task<> fetch_identity(SpiffeId id);

  Workers& workers_;
  control::CertificateStore& certificates_;
  obs::PodMetrics pod_metrics_;
  obs::Metrics& metrics_;
  std::string trust_domain_;
  policy::Store store_;
  std::map<std::string, PodPtr> pods_;  // by uid
  std::set<SpiffeId> wanted_;           // identities that were asked for
  bool mesh_known_ = false;
  bool pods_known_ = false;
  io::Scope scope_;
};

}  // namespace culvert::proxy
