// The raw client of the admin tests, over blocking sockets.
// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/admin/raw_client.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace culvert::admin {
namespace {

std::string request_of(std::string_view method, std::string_view target, std::string_view headers) {
  std::string text(method);
  text += " ";
  text += target;
  text += " HTTP/1.1\r\nHost: test\r\nConnection: close\r\n";
  text += headers;
  return text + "\r\n";
}

}  // namespace

Fd connect_tcp(const IpAddress& ip, std::uint16_t port) {
  Fd fd(::socket(ip.is_v4() ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_storage storage{};
  const socklen_t length = SocketAddress{ip, port}.to_sockaddr(storage);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&storage), length) != 0) {
    return {};
  }
  return fd;
}

Fd connect_unix(const std::string& path) {
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return {};
  }
  return fd;
}

RawResponse exchange(Fd connection, std::string_view request) {
  while (!request.empty()) {
    const ssize_t sent = ::send(connection.get(), request.data(), request.size(), MSG_NOSIGNAL);
    if (sent <= 0) {
      break;
    }
    request.remove_prefix(static_cast<std::size_t>(sent));
  }
  std::string text;
  char buffer[4096];
  for (ssize_t n = 0; (n = ::read(connection.get(), buffer, sizeof(buffer))) > 0;) {
    text.append(buffer, static_cast<std::size_t>(n));
  }
  RawResponse response;
  const std::size_t end = text.find("\r\n\r\n");
  response.head = text.substr(0, end);
  if (end != std::string::npos) {
    response.body = text.substr(end + 4);
  }
  if (response.head.starts_with("HTTP/1.1 ") && response.head.size() >= 12) {
    response.status = std::stoi(response.head.substr(9, 3));
  }
  return response;
}

RawResponse get(std::uint16_t port, std::string_view target, std::string_view headers) {
  return exchange(connect_tcp(IpAddress::loopback_v4(), port), request_of("GET", target, headers));
}

RawResponse post(std::uint16_t port, std::string_view target) {
  return exchange(connect_tcp(IpAddress::loopback_v4(), port),
                  request_of("POST", target, "Content-Length: 0\r\n"));
}

}  // namespace culvert::admin
