// Offences: what those who connect to our tunnels do and a peer of a mesh never does. Each is
// counted, and logged at most once per kind and interval, so that nobody can fill the log.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>

#include "ztunnel/lib/base/error.h"
#include "ztunnel/lib/obs/log.h"
#include "ztunnel/lib/obs/metrics.h"

namespace culvert::proxy {

enum class Offence : std::uint8_t {
  handshake_timeout,  // TLS did not come to its end in time
  handshake_cut,      // went away in mid-handshake, as port scanners do
  tls,                // not TLS 1.3, no certificate or a bad one, a broken record
  identity,           // proved somebody who has no business here
  silence,            // says nothing in HTTP/2, or takes nothing from us
  http2,              // broke HTTP/2's rules, or floods; the tunnel was ended
  request,            // a CONNECT that makes no sense: 400, 431 or a reset of its stream
  target,             // a CONNECT to what is not here: a port of the mesh, an unknown service
};
inline constexpr std::size_t kOffenceCount = 8;

std::string_view name(Offence offence);

// The phase of a tunnel in which an error came up; with the error's code it tells the offence.
enum class TunnelPhase : std::uint8_t { handshake, http2, connect };

// offence_of gives none where nobody is to blame for it: our own record is missing, policy says no,
// the peer went away.
std::optional<Offence> offence_of(TunnelPhase phase, const Error& error);

class Offences {
 public:
  // The counters are of `metrics`, which all workers share; the log is this worker's.
  explicit Offences(obs::Metrics& metrics);

  // report counts an offence and logs it.
  void report(obs::RateLimitedLog::TimePoint now, Offence offence, std::string_view message,
              std::initializer_list<obs::Field> fields);

  // note logs what is nobody's offence and may come as often; `kind` is a name in our code.
  void note(obs::RateLimitedLog::TimePoint now, std::string_view kind, std::string_view message,
            std::initializer_list<obs::Field> fields);

 private:
  obs::RateLimitedLog log_;
  std::array<obs::Counter*, kOffenceCount> counters_;
};

}  // namespace culvert::proxy
