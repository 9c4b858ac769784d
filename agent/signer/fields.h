// How this room looks into objects: the API client's ways, under short names.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/kube/fields.h"

namespace culvert::signer {

using Json = nlohmann::json;
using kube::child;
using kube::text;

}  // namespace culvert::signer
