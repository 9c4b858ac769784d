// The epoll backend: what runs where io_uring is not allowed, behind the same operations. Each
// operation is tried at once and waits for readiness only when it would block.
// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <unordered_map>

#include "ztunnel/lib/io/loop.h"

namespace culvert::io {
namespace {

constexpr int kEventsPerWait = 256;

// What waits on one descriptor: at most one operation per direction (loop.h).
struct Waiting {
  Op* in = nullptr;
  Op* out = nullptr;
};

class EpollLoop final : public Loop {
 public:
  EpollLoop();
  ~EpollLoop() override;
  std::string_view backend() const override { return "epoll"; }

 protected:
  void submit(Op& op) override;
  void cancel(Op& op) override;
  bool wait(std::optional<Duration> timeout) override;
  void wake() override;

 private:
  void watch(int fd, const Waiting& waiting, bool known);
  void ready(int fd, std::uint32_t events);

  Fd epoll_;
  Fd wake_;
  std::unordered_map<int, Waiting> waiting_;
};

bool is_input(const Op& op) {
  return op.kind() == Op::Kind::accept || op.kind() == Op::Kind::recv ||
         op.kind() == Op::Kind::readable;
}

// One try of the system call; -EAGAIN means: wait for readiness.
int attempt(Op& op, bool is_ready) {
  const auto result = [](auto r) { return r < 0 ? -errno : static_cast<int>(r); };
  switch (op.kind()) {
    case Op::Kind::accept:
      return result(::accept4(op.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    case Op::Kind::recv: return result(::recv(op.fd(), op.buffer(), op.size(), MSG_DONTWAIT));
    case Op::Kind::send:
      return result(::send(op.fd(), op.buffer(), op.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
    case Op::Kind::connect: {
      if (!is_ready) {
        const int r = result(::connect(op.fd(), op.address(), op.address_bytes()));
        return r == -EINPROGRESS ? -EAGAIN : r;
      }
      int error = 0;
      socklen_t size = sizeof(error);
      ::getsockopt(op.fd(), SOL_SOCKET, SO_ERROR, &error, &size);
      return -error;
    }
    case Op::Kind::readable:
    case Op::Kind::writable: return is_ready ? 0 : -EAGAIN;
  }
  return -EINVAL;
}

EpollLoop::EpollLoop()
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  CULVERT_ASSERT(epoll_ && wake_);
  epoll_event event{.events = EPOLLIN, .data = {.fd = wake_.get()}};
  CULVERT_ASSERT(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event) == 0);
  refresh_now();
}

EpollLoop::~EpollLoop() {
  CULVERT_ASSERT(waiting_.empty());  // an operation in flight would touch a freed frame
}

void EpollLoop::submit(Op& op) {
  if (op.kind() == Op::Kind::connect || op.kind() == Op::Kind::accept) {
    // These two know no MSG_DONTWAIT, and one that blocks would stop the loop: a connect to
    // anywhere far, an accept whose connection another process's loop took first.
    const int flags = ::fcntl(op.fd(), F_GETFL);
    if (flags >= 0 && (flags & O_NONBLOCK) == 0) {
      ::fcntl(op.fd(), F_SETFL, flags | O_NONBLOCK);
    }
  }
  const int result = attempt(op, /* is_ready= */ false);
  if (result != -EAGAIN) {
    op.finished(result);
    return;
  }
  const auto [place, fresh] = waiting_.try_emplace(op.fd());
  Op*& slot = is_input(op) ? place->second.in : place->second.out;
  CULVERT_ASSERT(slot == nullptr);
  slot = &op;
  watch(op.fd(), place->second, !fresh);
}

// Level-triggered and removed when nobody waits: a closed descriptor must leave no entry behind,
// and its number may come back as another file.
void EpollLoop::watch(int fd, const Waiting& waiting, bool known) {
  epoll_event event{.events = (waiting.in != nullptr ? EPOLLIN | EPOLLRDHUP : 0U) |
                              (waiting.out != nullptr ? EPOLLOUT : 0U),
                    .data = {.fd = fd}};
  if (waiting.in == nullptr && waiting.out == nullptr) {
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
    waiting_.erase(fd);
    return;
  }
  const int operation = known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  if (::epoll_ctl(epoll_.get(), operation, fd, &event) != 0) {
    const int error = errno;
    Waiting failed = waiting;
    waiting_.erase(fd);
    for (Op* op : {failed.in, failed.out}) {
      if (op != nullptr) {
        op->finished(-error);
      }
    }
  }
}

void EpollLoop::cancel(Op& op) {
  const auto place = waiting_.find(op.fd());
  CULVERT_ASSERT(place != waiting_.end());
  (is_input(op) ? place->second.in : place->second.out) = nullptr;
  watch(op.fd(), place->second, /* known= */ true);
  op.finished(-ECANCELED);
}

void EpollLoop::ready(int fd, std::uint32_t events) {
  const auto place = waiting_.find(fd);
  if (place == waiting_.end()) {
    return;
  }
  const bool broken = (events & (EPOLLERR | EPOLLHUP)) != 0;
  Waiting& waiting = place->second;
  bool changed = false;
  for (Op** slot : {&waiting.in, &waiting.out}) {
    const std::uint32_t wanted = slot == &waiting.in ? EPOLLIN | EPOLLRDHUP : EPOLLOUT;
    if (*slot == nullptr || (!broken && (events & wanted) == 0)) {
      continue;
    }
    const int result = attempt(**slot, /* is_ready= */ true);
    if (result != -EAGAIN) {
      std::exchange(*slot, nullptr)->finished(result);
      changed = true;
    }
  }
  if (changed) {
    watch(fd, waiting, /* known= */ true);
  }
}

bool EpollLoop::wait(std::optional<Duration> timeout) {
  std::array<epoll_event, kEventsPerWait> events;
  // Rounded up: waking a little early would spin until the timer's time has come.
  const int ms = timeout
                     ? static_cast<int>(std::min<std::int64_t>(
                           std::chrono::ceil<std::chrono::milliseconds>(*timeout).count(), 60000))
                     : -1;
  const int count = ::epoll_wait(epoll_.get(), events.data(), kEventsPerWait, ms);
  for (int i = 0; i < count; ++i) {
    const auto& event = events[static_cast<std::size_t>(i)];
    if (event.data.fd == wake_.get()) {
      std::uint64_t value = 0;
      (void)!::read(wake_.get(), &value, sizeof(value));
      continue;
    }
    ready(event.data.fd, event.events);
  }
  return true;
}

void EpollLoop::wake() {
  const std::uint64_t one = 1;
  (void)!::write(wake_.get(), &one, sizeof(one));
}

}  // namespace

std::unique_ptr<Loop> make_epoll_loop() {
  return std::make_unique<EpollLoop>();
}

}  // namespace culvert::io
