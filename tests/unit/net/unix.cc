// Unix sockets: whose file it is, who may come in, and messages with descriptors.
// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/net/unix.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "tests/unit/net/tcp_pair.h"

namespace culvert::net {
namespace {

struct Folder {
  std::string path;
  Folder() {
    std::string name = "/tmp/culvert-unix-XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
};

TEST_CASE("a unix listener's file is for its owner alone") {
  const Folder folder;
  const auto listener = listen_unix(folder.path + "/s", UnixType::stream);
  REQUIRE(listener);
  struct stat status{};
  CHECK(::stat((folder.path + "/s").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
}

TEST_CASE("a stale socket file is replaced, a served one and a plain file are refused") {
  const Folder folder;
  for (const UnixType type : {UnixType::stream, UnixType::seqpacket}) {
    const std::string path = folder.path + "/s";
    {
      const auto first = listen_unix(path, type);
      REQUIRE(first);
      const auto second = listen_unix(path, UnixType::stream);
      REQUIRE(!second);
      CHECK(second.error().code == Errc::config);
      CHECK(to_string(second.error()) ==
            path + " is served by another process; stop it or choose another path");
    }
    CHECK(listen_unix(path, type));
  }
  const std::string plain = folder.path + "/file";
  std::ofstream(plain) << "precious";
  CHECK(code_of(listen_unix(plain, UnixType::stream)) == Errc::config);
  CHECK(std::filesystem::file_size(plain) == 8);
  CHECK(code_of(listen_unix(folder.path + "/" + std::string(200, 'x'), UnixType::stream)) ==
        Errc::config);
}

TEST_CASE("unix streams carry bytes, and the server knows who connected") {
  for_each_backend([](io::Loop& loop) {
    const Folder folder;
    const std::string path = folder.path + "/s";
    CHECK(code_of(block_on(loop, connect_unix(loop, path))) == Errc::unavailable);
    const auto listener = listen_unix(path, UnixType::stream);
    auto client = block_on(loop, connect_unix(loop, path));
    REQUIRE(client);
    auto accepted = block_on(loop, [](io::Loop& l, int fd) -> io::Task<Fd> {
      co_return co_await l.accept(fd);
    }(loop, listener->get()));
    const auto who = peer_credentials(accepted->get());
    REQUIRE(who);
    CHECK(who->pid == ::getpid());
    CHECK(who->uid == ::geteuid());
    SocketStream server(loop, std::move(*accepted));
    CHECK(block_on(loop, write_text(**client, "hello")));
    CHECK(*block_on(loop, read_exactly(server, 5)) == "hello");
    server.reset();
    CHECK(!block_on(loop, write_text(**client, "x")));
  });
}

struct Packets {
  Fd a;
  Fd b;
};

Packets packet_pair() {
  std::array<int, 2> fds{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds.data()) == 0);
  return {Fd(fds[0]), Fd(fds[1])};
}

TEST_CASE("a message arrives whole with its descriptors, which work") {
  for_each_backend([](io::Loop& loop) {
    const Packets pair = packet_pair();
    std::array<int, 2> pipe{};
    REQUIRE(::pipe2(pipe.data(), O_CLOEXEC) == 0);
    const Fd reading(pipe[0]);
    const Fd writing(pipe[1]);
    const std::array<int, 2> sent{reading.get(), writing.get()};
    CHECK(block_on(loop, send_message(loop, pair.a.get(), as_bytes("add"), sent)));
    CHECK(block_on(loop, send_message(loop, pair.a.get(), as_bytes("keep"))));
    auto first = block_on(loop, receive_message(loop, pair.b.get(), 64));
    REQUIRE(first);
    REQUIRE(first->has_value());
    CHECK(as_text((*first)->bytes) == "add");
    REQUIRE((*first)->fds.size() == 2);
    CHECK(::write((*first)->fds[1].get(), "!", 1) == 1);
    char got = 0;
    CHECK(::read(reading.get(), &got, 1) == 1);
    CHECK((::fcntl((*first)->fds[0].get(), F_GETFD) & FD_CLOEXEC) != 0);
    auto second = block_on(loop, receive_message(loop, pair.b.get(), 64));
    CHECK(as_text((*second)->bytes) == "keep");
    CHECK((*second)->fds.empty());
  });
}

TEST_CASE("receiving waits for a message, and the peer's end is no message") {
  for_each_backend([](io::Loop& loop) {
    Packets pair = packet_pair();
    io::Scope scope(loop);
    std::string seen;
    scope.spawn([](io::Loop& l, int fd, std::string& out) -> io::Task<> {
      while (auto message = co_await receive_message(l, fd, 64)) {
        out += as_text(message->bytes);
      }
      out += " end";
    }(loop, pair.b.get(), seen));
    loop.turn(io::Duration::zero());
    CHECK(block_on(loop, send_message(loop, pair.a.get(), as_bytes("x"))));
    loop.turn(io::Duration::zero());
    pair.a.reset();
    CHECK(block_on(loop, join(scope)));
    CHECK(seen == "x end");
  });
}

TEST_CASE("a message that is too long or carries too many descriptors is refused and leaks none") {
  for_each_backend([](io::Loop& loop) {
    const Packets pair = packet_pair();
    const std::array<int, 1> one{pair.a.get()};
    CHECK(block_on(loop, send_message(loop, pair.a.get(), as_bytes("0123456789"), one)));
    CHECK(code_of(block_on(loop, receive_message(loop, pair.b.get(), 4))) == Errc::limit);

    std::array<int, kMessageFdsMax + 4> many{};
    many.fill(pair.a.get());
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(many))> control{};
    char byte = 'x';
    iovec part{.iov_base = &byte, .iov_len = 1};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(many));
    std::memcpy(CMSG_DATA(rights), many.data(), sizeof(many));
    REQUIRE(::sendmsg(pair.a.get(), &header, 0) == 1);
    CHECK(code_of(block_on(loop, receive_message(loop, pair.b.get(), 64))) == Errc::limit);
  });
}

TEST_CASE("sending waits while the peer's queue is full, and loses no message") {
  for_each_backend([](io::Loop& loop) {
    const Packets pair = packet_pair();
    constexpr int kMessages = 500;
    io::Scope scope(loop);
    scope.spawn([](io::Loop& l, int fd) -> io::Task<> {
      const std::string filler(4000, '.');
      for (int i = 0; i < kMessages; ++i) {
        const std::string text = std::to_string(i) + filler;
        co_await send_message(l, fd, as_bytes(text));
      }
    }(loop, pair.a.get()));
    for (int i = 0; i < 20; ++i) {
      loop.turn(std::chrono::milliseconds(1));
    }
    CHECK(!scope.empty());
    for (int i = 0; i < kMessages; ++i) {
      auto message = block_on(loop, receive_message(loop, pair.b.get(), 8192));
      REQUIRE(message);
      CHECK(as_text((*message)->bytes).starts_with(std::to_string(i) + "."));
    }
    CHECK(block_on(loop, join(scope)));
  });
}

}  // namespace
}  // namespace culvert::net
