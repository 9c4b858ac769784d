// SPDX-License-Identifier: Apache-2.0
#include "agent/kube/connect.h"

#include "ztunnel/lib/net/tcp.h"
#include "ztunnel/lib/tls/stream.h"

namespace culvert::kube {
namespace {

Result<tls::ClientContextPtr> read_context(const Config& config) {
  TRY(const auto roots, config.roots.read());
  TRY(const auto key, config.key.read());
  TRY(const auto certificate, config.certificate.read());
  return tls::ClientContext::make(roots, key, certificate);
}

io::Task<std::unique_ptr<net::Stream>> dial(io::Loop& loop, Config config) {
  auto context = co_await read_context(config);
  auto tcp = co_await net::connect_tcp(loop, {.to = config.server});
  co_return co_await tls::connect_tls(loop, std::move(tcp), std::move(context), config.server_name);
}

}  // namespace

http::H2Channel::Dial make_dial(io::Loop& loop, const Config& config) {
  return [&loop, config] { return dial(loop, config); };
}

}  // namespace culvert::kube
