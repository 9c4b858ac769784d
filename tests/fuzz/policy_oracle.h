// What a policy may and what it must say of a connection, read from the message itself by other
// code than the product's: a part that can't be understood might be true or false, so the answer is
// a range. Source of truth: wire-facts §2.6.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ztunnel/lib/control/proto/authorization.pb.h"
#include "ztunnel/lib/policy/authorization.h"

namespace culvert::fuzz {

struct Range {
  bool must = false;     // true however the unknown parts are read
  bool may = false;      // true if the unknown parts are read so
  bool unknown = false;  // there is such a part

  static Range known(bool value) { return {value, value, false}; }
  static Range open() { return {false, true, true}; }

  Range operator!() const { return {!may, !must, unknown}; }
  Range operator&&(const Range& other) const {
    return {must && other.must, may && other.may, unknown || other.unknown};
  }
  Range operator||(const Range& other) const {
    return {must || other.must, may || other.may, unknown || other.unknown};
  }
};

// may_match tells if any rule of `policy` matches `connection`.
Range may_match(const istio::security::Authorization& policy,
                const policy::ConnectionContext& connection);

}  // namespace culvert::fuzz
