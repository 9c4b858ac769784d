// HttpServer: small HTTP/1.1 endpoints on one thread of their own, over libmicrohttpd. It knows
// nothing of what is served: routes are functions. ztunnel and the agent both use it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ztunnel/lib/base/address.h"
#include "ztunnel/lib/base/fd.h"
#include "ztunnel/lib/base/result.h"

namespace culvert::admin {

struct HttpRequest {
  std::string method;
  std::string path;
  std::map<std::string, std::string, std::less<>> query;  // `?reset` has an empty value
  std::string accept;                                     // the Accept header
};

inline constexpr std::string_view kTextType = "text/plain; charset=utf-8";
inline constexpr std::string_view kJsonType = "application/json";

struct HttpResponse {
  int status = 200;
  std::string content_type{kTextType};
  std::string body;
};

HttpResponse text_response(int status, std::string body);
HttpResponse json_response(std::string body);

// Answer runs on the server's thread: it must return soon (all endpoints wait meanwhile) and reach
// other threads' objects only by posting to their loops.
using Answer = std::function<HttpResponse(const HttpRequest&)>;

// Routes maps paths to answers. An unknown path is 404, a known one with another method 405; HEAD
// is answered as GET without its body.
class Routes {
 public:
  Routes& get(std::string path, Answer answer);
  Routes& post(std::string path, Answer answer);
  HttpResponse answer(const HttpRequest& request) const;
  // paths lists what is served, as "GET /status".
  std::vector<std::string> paths() const;

 private:
  std::map<std::string, std::map<std::string, Answer>, std::less<>> by_path_;  // path → method
};

struct SocketFile;

// Where a unix socket's path is already served by a live process: refuse to start, or take the path
// over (an upgrade, where the old process drains beside the new one).
enum class LiveSocket : std::uint8_t { refuse, take_over };

class HttpServer {
 public:
  // 64 connections an endpoint: people and scrapers; more wait in the backlog.
  static constexpr unsigned kConnectionsMax = 64;
  // 16 KiB a connection for request line and headers; longer ones get 431 or 413.
  static constexpr std::size_t kRequestBytesMax = 16 * 1024;
  // 64 KiB of request body are read and thrown away (no route takes one), then the connection ends.
  static constexpr std::size_t kBodyBytesMax = 64 * 1024;
  // 5 s without a byte in either direction end a connection.
  static constexpr unsigned kIdleTimeoutSeconds = 5;
  // 1 s: when all places of an endpoint are taken, connections older than this are cut, so that
  // clients that send a byte now and then keep nobody out. Requests take milliseconds.
  static constexpr std::chrono::seconds kRoomAfter{1};

  HttpServer();
  ~HttpServer();  // stops
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // All listen_ calls come before start. Each fails with a sentence that names the address:
  // `config` when it is in use, else the error of the system call. They return the port that was
  // bound.

  // listen_loopback serves on 127.0.0.1 and, where the host has it, on ::1.
  Result<std::uint16_t> listen_loopback(std::uint16_t port, const Routes& routes);
  // listen_any serves on all addresses of both families.
  Result<std::uint16_t> listen_any(std::uint16_t port, const Routes& routes);
  // listen_fd serves on a stream socket that is bound and listening already.
  Result<> listen_fd(Fd listener, const Routes& routes);
  // listen_unix serves root alone on a socket file of mode 0600 (others get 403, should they come
  // to connect). A file that nobody serves any more is replaced; anything but a socket is not
  // touched.
  Result<> listen_unix(const std::string& path, const Routes& routes,
                       LiveSocket live = LiveSocket::refuse);

  // start makes the thread. It inherits the caller's capabilities: drop them first.
  void start();
  // stop ends the thread, cuts open connections and removes the socket files that are still ours.
  void stop();

 private:
  struct Endpoint;
  Result<> add(Fd listener, const Routes& routes, const SocketFile* file);
  void run();

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace culvert::admin
