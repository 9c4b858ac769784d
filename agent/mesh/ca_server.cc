// SPDX-License-Identifier: Apache-2.0
#include "agent/mesh/ca_server.h"

#include <fmt/format.h>

#include <algorithm>

#include "ztunnel/lib/control/proto/ca.pb.h"
#include "ztunnel/lib/io/timeout.h"
#include "ztunnel/lib/net/socket_stream.h"
#include "ztunnel/lib/tls/key.h"

namespace culvert::mesh {

namespace {

constexpr std::string_view kScope = "mesh::ca";
constexpr const char* kCreateCertificate =
    "/istio.v1.auth.IstioCertificateService/CreateCertificate";
constexpr const char* kImpersonated = "ImpersonatedIdentity";
// 64 KiB a request: a CSR has under 1 KiB.
constexpr std::size_t kRequestBytesMax = 64 * 1024;
// 10 s for the whole request: ztunnel waits 8 s for the whole answer.
constexpr io::Duration kRequestWithin = std::chrono::seconds(10);

// Both say whom the certificate is for; they must agree.
Result<> check_impersonated(const istio::v1::auth::IstioCertificateRequest& request,
                            const SpiffeId& id);

}  // namespace

// What a request asks for, and may have.
struct CaServer::Order {
  std::string csr;
  SpiffeId id;
  std::chrono::seconds lifetime;
};

CaServer::CaServer(io::Loop& loop, CaBackend& backend, Allowed allowed,
                   std::chrono::seconds lifetime_max)
    : loop_(loop),
      backend_(backend),
      allowed_(std::move(allowed)),
      lifetime_max_(lifetime_max),
      grpc_(kRequestBytesMax) {
  grpc_.add(kCreateCertificate, [this](http::GrpcCall& call) { return create_certificate(call); });
}

io::Task<> CaServer::attend(Fd connection, net::PeerCredentials) {
  co_await grpc_.serve(loop_, std::make_unique<net::SocketStream>(loop_, std::move(connection)));
}

io::Task<> CaServer::create_certificate(http::GrpcCall& call) {
  auto response = co_await as_result(signed_answer(call));
  // A client that leaves, or waits no longer, has not been refused anything.
  const bool left = !response && (response.error().code == Errc::cancelled ||
                                  response.error().code == Errc::closed);
  if (!response && !left) {
    ++refusals_;
    log_.log(loop_.now(), "refused", "certificate refused", {{"error", response.error()}});
  }
  co_await call.send(co_await std::move(response));
}

io::Task<std::string> CaServer::signed_answer(http::GrpcCall& call) {
  const auto message =
      co_await io::with_timeout(loop_, kRequestWithin, "CA: the request", call.receive());
  if (!message) {
    co_await fail(Errc::protocol, "CA: the call has no request");
  }
  const Order order = co_await read(message.value_or(""));
  auto signed_chain = co_await io::as_result(backend_.sign(order.csr, order.id, order.lifetime));
  if (!signed_chain) {
    Error error = prefixed("CA", signed_chain.error());
    if (error.code == Errc::closed) {  // a connection of the backend's, and not the client's
      error.code = Errc::unavailable;
    }
    co_await fail(std::move(error));
  }
  istio::v1::auth::IstioCertificateResponse response;
  for (auto& certificate : signed_chain->chain) {
    response.add_cert_chain(std::move(certificate));
  }
  response.add_cert_chain(std::move(signed_chain->roots));
  obs::log(obs::Level::info, kScope, "certificate issued", {{"identity", to_string(order.id)}});
  co_return response.SerializeAsString();
}

Result<CaServer::Order> CaServer::read(const std::string& message) const {
  istio::v1::auth::IstioCertificateRequest request;
  if (!request.ParseFromString(message)) {
    return fail(Errc::protocol, "CA: the request is no IstioCertificateRequest");
  }
  const auto id = tls::csr_identity(request.csr());
  if (!id) {  // the request's fault: UNAVAILABLE, which `tls` would be, asks for another try
    return fail(Errc::protocol, fmt::format("CA: {}", to_string(id.error())));
  }
  TRY_VOID(check_impersonated(request, *id));
  if (!allowed_(*id)) {
    return fail(Errc::denied, fmt::format("CA: no ambient pod of this node has the identity {}: "
                                          "certificates are given for its own pods only",
                                          to_string(*id)));
  }
  return Order{.csr = request.csr(), .id = *id, .lifetime = lifetime_of(request)};
}

namespace {

Result<> check_impersonated(const istio::v1::auth::IstioCertificateRequest& request,
                            const SpiffeId& id) {
  const auto& fields = request.metadata().fields();
  const auto found = fields.find(kImpersonated);
  if (found == fields.end() || found->second.string_value() == to_string(id)) {
    return {};
  }
  return fail(Errc::denied, fmt::format("CA: the CSR is for {}, but the request impersonates {}",
                                        to_string(id), found->second.string_value()));
}

}  // namespace

std::chrono::seconds CaServer::lifetime_of(
    const istio::v1::auth::IstioCertificateRequest& request) const {
  const std::chrono::seconds asked(request.validity_duration());
  return asked.count() > 0 ? std::min(asked, lifetime_max_) : lifetime_max_;
}

}  // namespace culvert::mesh
