// The bytes of a TLS connection. With bit 0 of the first byte unset: raw bytes as a handshake, to
// our server or our client (bit 1), which must refuse them, within its time. Set: a real
// connection, and between its two ends somebody who cuts, repeats, drops and changes bytes as the
// rest says: what arrives must be the beginning of what was sent, and all of it if the end was
// seen.
// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/scenario.h"
#include "ztunnel/lib/net/pipe_stream.h"
#include "ztunnel/lib/tls/authority.h"
#include "ztunnel/lib/tls/key.h"
#include "ztunnel/lib/tls/stream.h"

namespace culvert::fuzz {
namespace {

using namespace tls;

const SpiffeId kServer{"cluster.local", "shop", "server"};
const SpiffeId kClient{"cluster.local", "shop", "client"};

// What refuses a handshake answers with is an alert, or our part of the handshake.
constexpr std::size_t kOutputBytesMax = 16 * 1024;

WorkloadIdentityPtr party(const SpiffeId& id) {
  static const auto authority =
      CertificateAuthority::create("fuzz", std::chrono::system_clock::now());
  const auto key = generate_key();
  const auto csr = make_csr(*key, id);
  const auto leaf = authority->sign(*csr, id, std::chrono::system_clock::now());
  const std::vector<std::string> chain{*leaf};
  return *WorkloadIdentity::make(*key, chain, authority->root_pem());
}

WorkloadIdentityPtr server_identity() {
  static const auto made = party(kServer);
  return made;
}
WorkloadIdentityPtr client_identity() {
  static const auto made = party(kClient);
  return made;
}

io::Task<std::unique_ptr<TlsStream>> shake(io::Loop& loop, std::unique_ptr<net::Stream> end,
                                           bool as_client) {
  if (as_client) {
    co_return co_await connect_tls(loop, std::move(end), client_identity(), {kServer});
  }
  co_return co_await accept_tls(loop, std::move(end), server_identity());
}

io::Task<> collect(net::Stream& from, std::string& into) {
  into = co_await receive_all(from);
}

io::Task<> refuse(io::Loop& loop, bool as_client, bool ends, std::uint8_t pieces, Bytes bytes) {
  auto ends_of = net::make_pipe(loop);
  auto& peer = *ends_of[1];
  io::Scope scope(loop, io::Scope::OnFailure::ignore);
  std::string answer;
  scope.spawn(send_all(loop, peer, bytes, pieces, ends));
  scope.spawn(collect(peer, answer));
  {
    const auto opened = co_await io::as_result(shake(loop, std::move(ends_of[0]), as_client));
    CULVERT_ASSERT(!opened && !opened.error().context.empty());
  }
  CULVERT_ASSERT(loop.now().time_since_epoch() <= kHandshakeTimeout);
  peer.reset();
  co_await scope.join();
  CULVERT_ASSERT(answer.size() <= kOutputBytesMax);
}

// One change of a direction's bytes: at the `place`-th byte, counted since the last change.
struct Change {
  enum class Kind : std::uint8_t { flip, drop, repeat, insert, end, reset };
  Kind kind;
  std::size_t place;
  std::uint8_t value;
};

std::vector<Change> changes_of(Bytes bytes) {
  std::vector<Change> changes;
  for (; bytes.size() >= 4; bytes = bytes.subspan(4)) {
    changes.push_back({.kind = static_cast<Change::Kind>(bytes[0] % 6),
                       .place = static_cast<std::size_t>(bytes[1] << 8 | bytes[2]),
                       .value = bytes[3]});
  }
  return changes;
}

// The one in between: reads from `from` and gives it to `to` with the changes.
class Meddler {
 public:
  explicit Meddler(std::vector<Change> changes) : changes_(std::move(changes)) {}

  // pass gives what becomes of one byte.
  std::string pass(char byte) {
    const std::string as_it_is(1, byte);
    if (next_ == changes_.size() || at_++ < changes_[next_].place) {
      return as_it_is;
    }
    at_ = 0;
    const auto& change = changes_[next_++];
    switch (change.kind) {
      case Change::Kind::flip: return std::string(1, static_cast<char>(byte ^ change.value));
      case Change::Kind::drop: return {};
      case Change::Kind::repeat: return std::string(1 + change.value % 4, byte);
      case Change::Kind::insert: return as_it_is + static_cast<char>(change.value);
      case Change::Kind::end: ended = true; return {};
      case Change::Kind::reset: was_reset = true; return {};
    }
    return as_it_is;
  }

  bool ended = false;
  bool was_reset = false;

 private:
  std::vector<Change> changes_;
  std::size_t next_ = 0;
  std::size_t at_ = 0;
};

io::Task<> relay(net::Stream& from, net::Stream& to, Meddler meddler) {
  std::array<std::uint8_t, 700> buffer{};
  for (;;) {
    const auto count = co_await io::as_result(from.read_some(buffer));
    if (!count || *count == 0) {
      break;
    }
    std::string passed;
    for (std::size_t i = 0; i < *count && !meddler.ended && !meddler.was_reset; ++i) {
      passed += meddler.pass(static_cast<char>(buffer[i]));
    }
    (void)co_await io::as_result(to.write_all(as_bytes(passed)));
    if (meddler.was_reset) {
      to.reset();
    }
    if (meddler.ended || meddler.was_reset) {
      break;
    }
  }
  (void)co_await io::as_result(to.shutdown_write());
}

struct Received {
  std::string text;
  bool ended = false;
};

// Sends, ends and reads what comes.
io::Task<> talk(io::Loop& loop, std::unique_ptr<net::Stream> end, bool as_client,
                const std::string& says, Received& received) {
  auto stream = co_await shake(loop, std::move(end), as_client);
  CULVERT_ASSERT(stream->peer_identity() == (as_client ? kServer : kClient));
  auto said = co_await io::as_result(stream->write_all(as_bytes(says)));
  if (said) {
    (void)co_await io::as_result(stream->shutdown_write());
  }
  std::array<std::uint8_t, 1000> buffer{};
  for (;;) {
    const std::size_t count = co_await stream->read_some(buffer);
    received.ended = count == 0;
    if (count == 0) {
      co_return;
    }
    received.text += as_text({buffer.data(), count});
  }
}

io::Task<> meddle(io::Loop& loop, Bytes bytes) {
  const std::string asks = "what a client says ";
  const std::string answers(3000, 'a');
  const auto half = bytes.size() / 8 * 4;
  auto client = net::make_pipe(loop);
  auto server = net::make_pipe(loop);
  io::Scope scope(loop, io::Scope::OnFailure::ignore);
  Received at_client;
  Received at_server;
  scope.spawn(talk(loop, std::move(client[0]), true, asks, at_client));
  scope.spawn(talk(loop, std::move(server[0]), false, answers, at_server));
  scope.spawn(relay(*client[1], *server[1], Meddler(changes_of(bytes.first(half)))));
  scope.spawn(relay(*server[1], *client[1], Meddler(changes_of(bytes.subspan(half)))));
  // Somebody who holds bytes back holds a connection up: its owner's limits end that, not TLS.
  co_await loop.sleep(std::chrono::minutes(1));
  client[1]->reset();
  server[1]->reset();
  co_await scope.join();
  CULVERT_ASSERT(asks.starts_with(at_server.text) && answers.starts_with(at_client.text));
  CULVERT_ASSERT(!at_server.ended || at_server.text == asks);
  CULVERT_ASSERT(!at_client.ended || at_client.text == answers);
  CULVERT_ASSERT(!bytes.empty() || (at_server.ended && at_client.ended));
}

}  // namespace
}  // namespace culvert::fuzz

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  return culvert::fuzz::watch_log();
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace culvert;
  if (size == 0) {
    return -1;
  }
  const std::uint8_t choice = bytes[0];
  const Bytes rest(bytes + 1, size - 1);
  fuzz::play(
      [&](io::SimLoop& loop) {
        return (choice & 1) != 0 ? fuzz::meddle(loop, rest)
                                 : fuzz::refuse(loop, (choice & 2) != 0, (choice & 4) != 0,
                                                static_cast<std::uint8_t>(choice >> 3), rest);
      },
      choice);
  return 0;
}
