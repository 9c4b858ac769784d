// The names under which the signer, the agents and the uninstallation find each other's objects.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace culvert::signer {

// Signer names are domain and path; this one is ours.
inline constexpr const char* kSignerName = "culvert.dev/workload";

// Which Secret an authority comes from, in the signer's namespace.
inline constexpr const char* kGivenSecret = "cacerts";          // a person's; it goes first
inline constexpr const char* kOwnSecret = "culvert-ca";         // made by us where that is missing
inline constexpr const char* kInForce = "culvert-ca-in-force";  // a copy of what signs at present

// The ConfigMap from which agents take the roots, and its keys.
inline constexpr const char* kRootsMap = "culvert-ca-roots";
inline constexpr const char* kRootsPem = "root-cert.pem";
inline constexpr const char* kRootsTimes = "roots.json";
inline constexpr const char* kSigning = "signing.json";

}  // namespace culvert::signer
