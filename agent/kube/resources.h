// The built-in kinds that more than one room asks for.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/kube/resource.h"

namespace culvert::kube {

inline const Resource kPods{"v1", "Pod", "pods"};
inline const Resource kEvents{"v1", "Event", "events"};
inline const Resource kSecrets{"v1", "Secret", "secrets"};
inline const Resource kConfigMaps{"v1", "ConfigMap", "configmaps"};
inline const Resource kSigningRequests{"certificates.k8s.io/v1", "CertificateSigningRequest",
                                       "certificatesigningrequests"};

}  // namespace culvert::kube
