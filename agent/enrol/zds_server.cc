// SPDX-License-Identifier: Apache-2.0
#include "agent/enrol/zds_server.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <optional>
#include <set>

#include "ztunnel/lib/io/timeout.h"
#include "ztunnel/lib/obs/log.h"

namespace culvert::enrol {

namespace {

constexpr std::string_view kScope = "enrol::zds";

}  // namespace

// Connection is shared by its reader and by all that wait for their turn on it.
struct ZdsServer::Connection {
  Fd socket;
  Ztunnel ztunnel;
  bool closed = false;
  bool taken = false;     // someone has the turn: strictly one message is outstanding
  bool awaiting = false;  // a request is out
  std::optional<std::string> ack;
  std::set<std::string> refused;  // uids of the replay that it could not serve
  io::Event changed;

  // close ends the conversation: the reader sees the end of the stream.
  void close() {
    closed = true;
    ::shutdown(socket.get(), SHUT_RDWR);
    changed.notify_all();
  }
};

// Turn is given back when its owner's frame goes. Who leaves between request and acknowledgement
// (a timeout, a cancellation) closes the connection: the next acknowledgement would be taken for
// another's, as only their order tells whose it is.
class ZdsServer::Turn {
 public:
  explicit Turn(ConnectionPtr connection) : connection_(std::move(connection)) {}
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() {
    connection_->taken = false;
    if (connection_->awaiting && !connection_->closed) {
      connection_->close();
    }
    connection_->changed.notify_all();
  }

 private:
  ConnectionPtr connection_;
};

io::Task<> ZdsServer::attend(Fd socket, net::PeerCredentials peer) {
  // Phase 1: who is it; its sockets must be exempt from capture before it opens one in a pod.
  ConnectionPtr connection = co_await greet(std::move(socket), peer);
  connections_.push_back(connection);
  joined_.notify_all();
  obs::log(obs::Level::info, kScope, "ztunnel connected",
           {{"pid", peer.pid}, {"takes_listeners", connection->ztunnel.takes_listeners}});

  // Phase 2: all pods, then whatever enrolment asks, until the peer goes.
  io::Scope scope(loop_);
  scope.spawn(read_acks(connection));
  scope.spawn(replay(connection));
  scope.spawn(retry_refused(connection));
  auto ended = co_await as_result(scope.join());

  // Phase 3: nothing in the kernel changes; the listeners queue until another ztunnel comes.
  connection->close();
  std::erase(connections_, connection);
  hooks_.left();
  obs::log(obs::Level::info, kScope, "ztunnel has gone; its pods' connections wait",
           {{"pid", peer.pid}});
  co_await std::move(ended);
}

io::Task<ZdsServer::ConnectionPtr> ZdsServer::greet(Fd socket, net::PeerCredentials peer) {
  auto message = co_await io::with_timeout(
      loop_, control::kZdsAnswerWithin, "ZDS hello",
      net::receive_message(loop_, socket.get(), control::kZdsPacketBytesMax));
  if (!message) {
    co_return fail(Errc::closed, "ZDS: the peer left without a hello");
  }
  const auto hello = co_await control::decode_hello(as_text(message->bytes));
  co_await hooks_.admit(peer.pid);
  auto connection = std::make_shared<Connection>();
  connection->socket = std::move(socket);
  connection->ztunnel = {
      .pid = peer.pid, .synced = false, .takes_listeners = hello.takes_listeners};
  co_return connection;
}

io::Task<> ZdsServer::replay(ConnectionPtr connection) {
  // The turn is kept for all of it: a Del that came in between would be overtaken by its Add.
  co_await take_turn(connection);
  const Turn turn(connection);
  for (auto& pod : hooks_.snapshot()) {
    co_await offer(connection, std::move(pod));
  }
  co_await exchange(connection, control::ZdsSnapshotSent{}, nullptr);
  connection->ztunnel.synced = true;
}

// offer is for one who has the turn. That ztunnel refuses the pod is remembered and no failure.
io::Task<> ZdsServer::offer(ConnectionPtr connection, AnnouncedPod pod) {
  const std::string uid = pod.add.uid;
  auto served = co_await as_result(exchange(connection, std::move(pod.add), std::move(pod.fds)));
  if (connection->closed) {
    co_await fail(Errc::closed, "ztunnel went away in the middle of the replay");
  }
  if (served) {
    connection->refused.erase(uid);
  } else if (connection->refused.insert(uid).second) {
    obs::log(obs::Level::error, kScope, "ztunnel does not serve a pod; its connections wait",
             {{"uid", uid}, {"error", served.error()}});
  }
}

io::Task<> ZdsServer::retry_refused(ConnectionPtr connection) {
  for (;;) {
    co_await loop_.sleep(retry_interval_);
    if (connection->refused.empty()) {
      continue;
    }
    co_await take_turn(connection);
    const Turn turn(connection);
    const auto before = connection->refused;  // those that stay refused are not told of again
    std::set<std::string> there;
    for (auto& pod : hooks_.snapshot()) {
      there.insert(pod.add.uid);
      if (before.contains(pod.add.uid)) {
        co_await offer(connection, std::move(pod));
      }
    }
    std::erase_if(connection->refused, [&](const auto& uid) { return !there.contains(uid); });
  }
}

io::Task<> ZdsServer::read_acks(ConnectionPtr connection) {
  for (;;) {
    auto message =
        co_await net::receive_message(loop_, connection->socket.get(), control::kZdsPacketBytesMax);
    if (!message) {
      co_await fail(Errc::closed, "ztunnel closed the ZDS connection");
      co_return;
    }
    if (!connection->awaiting) {
      co_await fail(Errc::protocol, "ztunnel sent what nobody asked for");
    }
    connection->ack = co_await control::decode_ack(as_text(message->bytes));
    connection->awaiting = false;
    connection->changed.notify_all();
  }
}

io::Task<> ZdsServer::announce(AnnouncedPod pod) {
  auto connection =
      co_await as_result(io::with_timeout(loop_, kZtunnelWait, "wait for ztunnel", newest()));
  if (!connection && connection.error().code == Errc::timed_out) {
    co_await fail(Errc::unavailable, fmt::format("no ztunnel is connected to {}: start "
                                                 "culvert-ztunnel with that --zds-socket",
                                                 socket_path_));
  }
  co_await ask(co_await std::move(connection), std::move(pod.add), std::move(pod.fds));
}

io::Task<ZdsServer::ConnectionPtr> ZdsServer::newest() {
  while (connections_.empty()) {
    co_await joined_.wait();
  }
  co_return connections_.back();
}

io::Task<> ZdsServer::withdraw(std::string uid) {
  const auto all = connections_;  // a copy: they come and go meanwhile
  for (const auto& connection : all) {
    auto gone = co_await as_result(ask(connection, control::ZdsDel{.uid = uid}, nullptr));
    if (!gone && gone.error().code == Errc::cancelled) {
      co_await fail(gone.error());
    }
    if (!gone && !connection->closed) {
      obs::log(obs::Level::warn, kScope, "ztunnel did not let go of a pod",
               {{"uid", uid}, {"error", gone.error()}});
    }
  }
}

io::Task<> ZdsServer::ask(ConnectionPtr connection, control::ZdsRequest request,
                          std::shared_ptr<const PodFds> fds) {
  co_await take_turn(connection);
  const Turn turn(connection);
  co_await exchange(connection, std::move(request), std::move(fds));
}

io::Task<> ZdsServer::exchange(ConnectionPtr connection, control::ZdsRequest request,
                               std::shared_ptr<const PodFds> fds) {
  const std::string bytes = co_await control::encode_request(request);
  std::vector<int> borrowed;
  if (fds) {
    borrowed.push_back(fds->netns.get());
    if (connection->ztunnel.takes_listeners) {
      const auto& listeners = fds->listeners;
      borrowed.insert(borrowed.end(),
                      {listeners.outbound.get(), listeners.inbound.get(), listeners.hbone.get()});
    }
  }
  connection->ack.reset();
  connection->awaiting = true;
  co_await net::send_message(loop_, connection->socket.get(), as_bytes(bytes), borrowed);
  auto error = co_await as_result(io::with_timeout(
      loop_, control::kZdsAnswerWithin, "ztunnel's acknowledgement", await_ack(connection)));
  if (!error) {
    connection->close();
    co_await fail(error.error());
  }
  if (!error->empty()) {
    co_await fail(Errc::unavailable, fmt::format("ztunnel said: {}", *error));
  }
}

io::Task<> ZdsServer::take_turn(ConnectionPtr connection) {
  while (connection->taken && !connection->closed) {
    co_await connection->changed.wait();
  }
  if (connection->closed) {
    co_await fail(Errc::unavailable, "the ztunnel that was asked has gone");
  }
  connection->taken = true;  // the caller makes the Turn that gives it back
}

io::Task<std::string> ZdsServer::await_ack(ConnectionPtr connection) {
  while (!connection->ack && !connection->closed) {
    co_await connection->changed.wait();
  }
  if (!connection->ack) {
    co_return fail(Errc::unavailable, "ztunnel went away before it acknowledged");
  }
  co_return connection->ack.value_or("");
}

std::vector<ZdsServer::Ztunnel> ZdsServer::ztunnels() const {
  std::vector<Ztunnel> all;
  all.reserve(connections_.size());
  for (const auto& connection : connections_) {
    all.push_back(connection->ztunnel);
  }
  return all;
}

}  // namespace culvert::enrol
