// HttpServer over libmicrohttpd: one MHD daemon per listening socket in its external epoll mode,
// all driven by one thread of ours, so that answers never run side by side.
// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/admin/http_server.h"

#include <fmt/format.h>
#include <microhttpd.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <thread>

#include "ztunnel/admin/listen.h"
#include "ztunnel/lib/base/assert.h"
#include "ztunnel/lib/obs/log.h"

namespace culvert::admin {
namespace {

// While an endpoint is full its connections' ages are looked at this often.
constexpr MHD_UNSIGNED_LONG_LONG kFullRoundMs = 200;

struct DaemonStop {
  void operator()(MHD_Daemon* daemon) const { MHD_stop_daemon(daemon); }
};

// What one request has sent as body so far; MHD keeps the pointer between its calls.
struct Progress {
  std::size_t body_bytes = 0;
};

MHD_Result reply(MHD_Connection* connection, const HttpResponse& response) {
  MHD_Response* message = MHD_create_response_from_buffer(
      response.body.size(), const_cast<char*>(response.body.data()), MHD_RESPMEM_MUST_COPY);
  if (message == nullptr) {
    return MHD_NO;
  }
  MHD_add_response_header(message, MHD_HTTP_HEADER_CONTENT_TYPE, response.content_type.c_str());
  const MHD_Result queued =
      MHD_queue_response(connection, static_cast<unsigned>(response.status), message);
  MHD_destroy_response(message);
  return queued;
}

MHD_Result add_query(void* query, MHD_ValueKind, const char* key, const char* value) {
  (*static_cast<decltype(HttpRequest::query)*>(query))[key] = value == nullptr ? "" : value;
  return MHD_YES;
}

// Tells whether the peer of a unix socket is root. The file's mode lets nobody else connect; this
// still holds if somebody changes the mode.
bool is_root(MHD_Connection* connection) {
  const MHD_ConnectionInfo* socket =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  ucred peer{};
  socklen_t length = sizeof(peer);
  return socket != nullptr &&
         ::getsockopt(socket->connect_fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 &&
         peer.uid == 0;
}

void report(void*, const char* format, va_list arguments) {
  char text[512];
  ::vsnprintf(text, sizeof(text), format, arguments);
  obs::log(obs::Level::debug, "admin",
           std::string_view(text).substr(0, std::string_view(text).find('\n')));
}

}  // namespace

struct HttpServer::Endpoint {
  Routes routes;
  SocketFile file;  // path empty: TCP
  int epoll_fd = -1;
  struct Open {
    int fd = -1;
    std::chrono::steady_clock::time_point since;
    bool cut = false;
  };
  std::map<MHD_Connection*, Open> open;
  obs::RateLimitedLog log{{.level = obs::Level::warn, .scope = "admin"}};
  std::unique_ptr<MHD_Daemon, DaemonStop> daemon;  // last: its end tells of each connection's

  void on_connection(MHD_Connection* connection, MHD_ConnectionNotificationCode what);
  bool is_full() const { return open.size() >= kConnectionsMax; }
  void make_room();
  void run_round();
  MHD_Result on_request(MHD_Connection* connection, const char* url, const char* method,
                        std::size_t* upload_bytes, void** state);
};

struct HttpServer::Impl {
  std::vector<std::unique_ptr<Endpoint>> endpoints;
  Fd stop_event{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  std::thread thread;
};

// MHD calls this at the end of the headers, for each piece of body, and at the end of the request.
MHD_Result HttpServer::Endpoint::on_request(MHD_Connection* connection, const char* url,
                                            const char* method, std::size_t* upload_bytes,
                                            void** state) {
  if (*state == nullptr) {
    *state = new Progress;
    return MHD_YES;
  }
  auto* progress = static_cast<Progress*>(*state);
  if (*upload_bytes > 0) {
    progress->body_bytes += std::exchange(*upload_bytes, 0);
    return progress->body_bytes > kBodyBytesMax ? MHD_NO : MHD_YES;
  }
  if (!file.path.empty() && !is_root(connection)) {
    return reply(connection, text_response(403, "only root may ask here\n"));
  }
  HttpRequest request{.method = method, .path = url, .query = {}, .accept = {}};
  MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, &add_query, &request.query);
  if (const char* accept =
          MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT)) {
    request.accept = accept;
  }
  return reply(connection, routes.answer(request));
}

void HttpServer::Endpoint::on_connection(MHD_Connection* connection,
                                         MHD_ConnectionNotificationCode what) {
  if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
    open.erase(connection);
    return;
  }
  const MHD_ConnectionInfo* socket =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  open[connection] = {.fd = socket == nullptr ? -1 : socket->connect_fd,
                      .since = std::chrono::steady_clock::now()};
}

void HttpServer::Endpoint::make_room() {
  if (!is_full()) {
    return;
  }
  const auto now = std::chrono::steady_clock::now();
  std::size_t cut = 0;
  for (auto& [connection, one] : open) {
    if (!one.cut && now - one.since >= kRoomAfter) {
      one.cut = true;
      ::shutdown(one.fd, SHUT_RDWR);  // MHD sees the end, and closes
      ++cut;
    }
  }
  if (cut > 0) {
    log.log(now, "full", "all places were taken: old connections were cut", {{"cut", cut}});
  }
}

void HttpServer::Endpoint::run_round() {
  const bool was_full = is_full();
  MHD_run(daemon.get());
  if (was_full && !is_full()) {
    MHD_run(daemon.get());  // a full MHD leaves its listener alone until a round begins with room
  }
  make_room();
}

HttpServer::HttpServer() : impl_(std::make_unique<Impl>()) {}

HttpServer::~HttpServer() {
  stop();
}

Result<> HttpServer::add(Fd listener, const Routes& routes, const SocketFile* file) {
  CULVERT_ASSERT(!impl_->thread.joinable());
  auto endpoint = std::make_unique<Endpoint>();
  endpoint->routes = routes;
  endpoint->file = file == nullptr ? SocketFile{} : *file;
  const auto answer = [](void* self, MHD_Connection* connection, const char* url,
                         const char* method, const char*, const char*, std::size_t* upload_bytes,
                         void** state) {
    return static_cast<Endpoint*>(self)->on_request(connection, url, method, upload_bytes, state);
  };
  const auto connected = [](void* self, MHD_Connection* connection, void**,
                            MHD_ConnectionNotificationCode what) {
    static_cast<Endpoint*>(self)->on_connection(connection, what);
  };
  const auto completed = [](void*, MHD_Connection*, void** state, MHD_RequestTerminationCode) {
    delete static_cast<Progress*>(std::exchange(*state, nullptr));
  };
  endpoint->daemon.reset(MHD_start_daemon(
      MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, nullptr, nullptr, +answer, endpoint.get(),
      MHD_OPTION_EXTERNAL_LOGGER, &report,
      nullptr,  // first, so that the others' complaints reach it
      MHD_OPTION_LISTEN_SOCKET, listener.get(), MHD_OPTION_CONNECTION_LIMIT, kConnectionsMax,
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, kRequestBytesMax, MHD_OPTION_CONNECTION_TIMEOUT,
      kIdleTimeoutSeconds, MHD_OPTION_NOTIFY_COMPLETED, +completed, nullptr,
      MHD_OPTION_NOTIFY_CONNECTION, +connected, endpoint.get(), MHD_OPTION_END));
  if (endpoint->daemon == nullptr) {
    return fail(Errc::io,
                "libmicrohttpd refused an admin listener; log level admin=debug says why");
  }
  listener.release();  // the daemon closes it
  const MHD_DaemonInfo* epoll =
      MHD_get_daemon_info(endpoint->daemon.get(), MHD_DAEMON_INFO_EPOLL_FD);
  CULVERT_ASSERT(epoll != nullptr);
  endpoint->epoll_fd = epoll->epoll_fd;
  impl_->endpoints.push_back(std::move(endpoint));
  return {};
}

Result<std::uint16_t> HttpServer::listen_loopback(std::uint16_t port, const Routes& routes) {
  TRY(Fd v4, admin::listen_tcp({IpAddress::loopback_v4(), port}, false));
  TRY(const std::uint16_t bound, port_of(v4));
  TRY_VOID(add(std::move(v4), routes, nullptr));
  auto v6 = admin::listen_tcp({IpAddress::loopback_v6(), bound}, true);
  if (v6) {
    TRY_VOID(add(std::move(*v6), routes, nullptr));
  } else if (v6.error().code == Errc::config) {
    return fail(std::move(v6).error());
  }  // any other failure: a host without IPv6
  return bound;
}

Result<std::uint16_t> HttpServer::listen_any(std::uint16_t port, const Routes& routes) {
  auto listener = admin::listen_tcp({IpAddress(), port}, false);
  if (!listener && listener.error().code != Errc::config) {  // a host without IPv6
    listener = admin::listen_tcp({IpAddress::any_v4(), port}, false);
  }
  if (!listener) {
    return fail(std::move(listener).error());
  }
  TRY(const std::uint16_t bound, port_of(*listener));
  TRY_VOID(add(std::move(*listener), routes, nullptr));
  return bound;
}

Result<> HttpServer::listen_fd(Fd listener, const Routes& routes) {
  return add(std::move(listener), routes, nullptr);
}

Result<> HttpServer::listen_unix(const std::string& path, const Routes& routes, LiveSocket live) {
  TRY(UnixListener listener, admin::listen_unix(path, live == LiveSocket::take_over));
  auto added = add(std::move(listener.fd), routes, &listener.file);
  if (!added) {
    listener.file.remove_if_ours();
  }
  return added;
}

void HttpServer::start() {
  CULVERT_ASSERT(!impl_->thread.joinable());
  // Signals belong to the main thread: the new one starts with all of them blocked.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  impl_->thread = std::thread([this] { run(); });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::pthread_setname_np(impl_->thread.native_handle(), "admin");
}

void HttpServer::stop() {
  if (impl_->thread.joinable()) {
    ::eventfd_write(impl_->stop_event.get(), 1);
    impl_->thread.join();
  }
  for (const auto& endpoint : impl_->endpoints) {
    if (!endpoint->file.path.empty()) {
      endpoint->file.remove_if_ours();
    }
  }
  impl_->endpoints.clear();
}

void HttpServer::run() {
  std::vector<pollfd> waits = {{impl_->stop_event.get(), POLLIN, 0}};
  for (const auto& endpoint : impl_->endpoints) {
    waits.push_back({endpoint->epoll_fd, POLLIN, 0});
  }
  while ((waits[0].revents & POLLIN) == 0) {
    MHD_UNSIGNED_LONG_LONG timeout_ms = 60'000;  // a round a minute costs nothing
    for (const auto& endpoint : impl_->endpoints) {
      MHD_UNSIGNED_LONG_LONG wanted = 0;
      if (MHD_get_timeout(endpoint->daemon.get(), &wanted) == MHD_YES) {
        timeout_ms = std::min(timeout_ms, wanted);
      }
      if (endpoint->is_full()) {
        timeout_ms = std::min<MHD_UNSIGNED_LONG_LONG>(timeout_ms, kFullRoundMs);
      }
    }
    if (::poll(waits.data(), waits.size(), static_cast<int>(timeout_ms)) < 0 && errno != EINTR) {
      obs::log(obs::Level::error, "admin", "poll failed, the admin endpoints stop",
               {{"error", from_errno(errno, "poll")}});
      return;
    }
    for (const auto& endpoint : impl_->endpoints) {
      endpoint->run_round();
    }
  }
}

}  // namespace culvert::admin
