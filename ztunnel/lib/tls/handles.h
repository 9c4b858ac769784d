// Owners of BoringSSL's objects, without its headers: what the other headers of this room hold.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

struct evp_pkey_st;
struct ssl_ctx_st;
struct ssl_st;
struct x509_st;
struct x509_store_st;

namespace culvert::tls {

struct FreeObject {
  void operator()(evp_pkey_st* key) const;
  void operator()(ssl_ctx_st* context) const;
  void operator()(ssl_st* connection) const;
  void operator()(x509_st* certificate) const;
  void operator()(x509_store_st* store) const;
};

using KeyHandle = std::unique_ptr<evp_pkey_st, FreeObject>;
using ContextHandle = std::unique_ptr<ssl_ctx_st, FreeObject>;
using ConnectionHandle = std::unique_ptr<ssl_st, FreeObject>;
using CertificateHandle = std::unique_ptr<x509_st, FreeObject>;
using StoreHandle = std::unique_ptr<x509_store_st, FreeObject>;

}  // namespace culvert::tls
