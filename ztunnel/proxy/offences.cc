// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/proxy/offences.h"

namespace culvert::proxy {
namespace {

constexpr std::array<std::string_view, kOffenceCount> kNames = {
    "handshake_timeout", "handshake_cut", "tls",     "identity",
    "silence",           "http2",         "request", "target",
};

std::optional<Offence> in_handshake(Errc code) {
  switch (code) {
    case Errc::timed_out: return Offence::handshake_timeout;
    case Errc::closed: return Offence::handshake_cut;
    case Errc::tls: return Offence::tls;
    case Errc::identity: return Offence::identity;
    default: return std::nullopt;  // our own record or certificate is not there
  }
}

std::optional<Offence> in_http2(Errc code) {
  switch (code) {
    case Errc::timed_out: return Offence::silence;
    case Errc::tls: return Offence::tls;
    case Errc::protocol: return Offence::http2;
    default: return std::nullopt;  // a tunnel may end at any time
  }
}

}  // namespace

std::string_view name(Offence offence) {
  return kNames.at(static_cast<std::size_t>(offence));
}

std::optional<Offence> offence_of(TunnelPhase phase, const Error& error) {
  switch (phase) {
    case TunnelPhase::handshake: return in_handshake(error.code);
    case TunnelPhase::http2: return in_http2(error.code);
    case TunnelPhase::connect: break;
  }
  if (error.side != Side::downstream) {
    return std::nullopt;
  }
  return error.code == Errc::protocol ? Offence::request : Offence::target;
}

Offences::Offences(obs::Metrics& metrics)
    : log_({.level = obs::Level::warn, .scope = "proxy"}), counters_{} {
  for (std::size_t i = 0; i < kOffenceCount; ++i) {
    counters_[i] = &metrics.counter("culvert_peer_offences_total",
                                    "What peers did that a peer of the mesh never does, by reason",
                                    {{"reason", std::string(kNames[i])}});
  }
}

void Offences::report(obs::RateLimitedLog::TimePoint now, Offence offence, std::string_view message,
                      std::initializer_list<obs::Field> fields) {
  counters_[static_cast<std::size_t>(offence)]->add();
  log_.log(now, name(offence), message, fields);
}

void Offences::note(obs::RateLimitedLog::TimePoint now, std::string_view kind,
                    std::string_view message, std::initializer_list<obs::Field> fields) {
  log_.log(now, kind, message, fields);
}

}  // namespace culvert::proxy
