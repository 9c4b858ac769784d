// What the process may do: as little as its work needs (architecture §8).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ztunnel/lib/base/result.h"

namespace culvert::ztunnel {

// keep_needed_capabilities drops every capability but NET_ADMIN (IP_TRANSPARENT, SO_MARK),
// SYS_ADMIN (setns into the pods' netns) and NET_RAW (SO_BINDTODEVICE on old kernels), from all
// sets. Of the calling thread and those it makes later: call it before any other is made.
Result<> keep_needed_capabilities();

// raise_descriptor_limit raises the soft limit of open descriptors to the hard one: two and more a
// connection (istio/ztunnel#1585).
void raise_descriptor_limit();

}  // namespace culvert::ztunnel
