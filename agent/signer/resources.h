// The kinds of object that the signer reads and writes, under the names by which the API server
// serves them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/kube/resource.h"

namespace culvert::signer {

inline const kube::Resource kRequests{"certificates.k8s.io/v1", "CertificateSigningRequest",
                                      "certificatesigningrequests"};
inline const kube::Resource kPods{"v1", "Pod", "pods"};
inline const kube::Resource kSecrets{"v1", "Secret", "secrets"};
inline const kube::Resource kConfigMaps{"v1", "ConfigMap", "configmaps"};
inline const kube::Resource kEvents{"v1", "Event", "events"};

}  // namespace culvert::signer
