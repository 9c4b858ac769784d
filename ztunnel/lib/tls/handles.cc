// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/tls/handles.h"

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

namespace culvert::tls {

void FreeObject::operator()(evp_pkey_st* key) const {
  EVP_PKEY_free(key);
}
void FreeObject::operator()(ssl_ctx_st* context) const {
  SSL_CTX_free(context);
}
void FreeObject::operator()(ssl_st* connection) const {
  SSL_free(connection);
}
void FreeObject::operator()(x509_st* certificate) const {
  X509_free(certificate);
}
void FreeObject::operator()(x509_store_st* store) const {
  X509_STORE_free(store);
}

}  // namespace culvert::tls
