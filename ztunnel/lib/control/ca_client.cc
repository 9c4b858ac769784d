// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/control/ca_client.h"

#include "ztunnel/lib/control/proto/ca.pb.h"

namespace culvert::control {

CaClient::CaClient(io::Loop& loop, Rng& rng, http::GrpcChannel::Dial dial, CaOptions options)
    : options_(std::move(options)), channel_(loop, rng, std::move(dial)) {}

io::Task<SignedChain> CaClient::sign(std::string csr_pem, SpiffeId id) {
  istio::v1::auth::IstioCertificateRequest request;
  request.set_csr(std::move(csr_pem));
  request.set_validity_duration(options_.lifetime.count());
  (*request.mutable_metadata()->mutable_fields())["ImpersonatedIdentity"].set_string_value(
      to_string(id));
  const auto answer = co_await channel_.unary(kCreateCertificate, options_.metadata,
                                              request.SerializeAsString(), options_.deadline);
  istio::v1::auth::IstioCertificateResponse response;
  if (!response.ParseFromString(answer)) {
    co_return fail(Errc::protocol, "the CA's answer is not an IstioCertificateResponse",
                   Side::control);
  }
  if (response.cert_chain_size() < 2) {
    co_return fail(
        Errc::protocol,
        "the CA's answer has no root certificate (its chain must have two or more entries)",
        Side::control);
  }
  SignedChain result;
  result.chain.assign(response.cert_chain().begin(), response.cert_chain().end() - 1);
  result.roots = *response.cert_chain().rbegin();
  co_return result;
}

}  // namespace culvert::control
