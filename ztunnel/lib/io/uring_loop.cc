// The io_uring backend: operations are queued, and each turn of the loop enters the kernel at most
// once, to submit what was queued and to wait (io_uring(7); SINGLE_ISSUER and DEFER_TASKRUN: 6.1).
// The only file that knows liburing.
// SPDX-License-Identifier: Apache-2.0
#include <liburing.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <fstream>

#include "ztunnel/lib/io/loop.h"

namespace culvert::io {
namespace {

// What one turn can queue without an extra submit; more is submitted in between.
constexpr unsigned kSubmissionEntries = 1024;
// Completions that fit without the kernel's overflow list (which loses nothing, but is slow):
// several operations for each of some thousand connections. 16 B each, 128 KiB a loop.
constexpr unsigned kCompletionEntries = 8192;

constexpr unsigned kSetupFlags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                                 IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL |
                                 IORING_SETUP_CQSIZE;

// user_data is the Op, whose address is aligned, or one of these.
constexpr std::uint64_t kWakeTag = 1;
constexpr std::uint64_t kCancelTag = 2;

// Op::backend_flags.
constexpr std::uint32_t kPolling = 1;          // waits for readiness, to be tried again then
constexpr std::uint32_t kCancelRequested = 2;  // must not be tried again

enum class Answer : std::uint8_t { finish, retry, poll_and_retry };

struct Special {
  int error;
  Answer answer;
};

// Results that are not the operation's own, each with its reason. All others end it, ECANCELED too.
constexpr std::array kSpecials{
    // A signal reached the thread while the request ran; nothing was transferred.
    Special{EINTR, Answer::retry},
    // The kernel did not arm its own poll: an accept on a listener with O_NONBLOCK before 5.19, or
    // a
    // poll that was woken for nothing too often (io_uring gives up after 128 rounds).
    Special{EAGAIN, Answer::poll_and_retry},
    // The same for connect.
    Special{EINPROGRESS, Answer::poll_and_retry},
};

Answer answer_to(int result) {
  for (const Special& special : kSpecials) {
    if (result == -special.error) {
      return special.answer;
    }
  }
  return Answer::finish;
}

class UringLoop final : public Loop {
 public:
  UringLoop() { refresh_now(); }
  ~UringLoop() override;
  // Returns 0 or an errno.
  int set_up();
  std::string_view backend() const override { return "uring"; }

 protected:
  void submit(Op& op) override;
  void cancel(Op& op) override;
  bool wait(std::optional<Duration> timeout) override;
  void wake() override;

 private:
  void enable();
  void arm_wake();
  io_uring_sqe& next_sqe();
  static bool sent_at_once(Op& op);
  void queue_operation(Op& op);
  void queue_poll(Op& op);
  void enter(std::optional<Duration> timeout);
  void take_completions();
  void completed(Op& op, int result);

  io_uring ring_{};
  Fd wake_;
  bool made_ = false;
  bool enabled_ = false;
  bool wake_armed_ = false;
  std::size_t in_flight_ = 0;
};

int UringLoop::set_up() {
  // Disabled until the first turn: SINGLE_ISSUER binds the ring to the thread that enables it, and
  // that has to be the one that runs the loop, not the one that makes it.
  io_uring_params params{};
  params.flags = kSetupFlags | IORING_SETUP_R_DISABLED;
  params.cq_entries = kCompletionEntries;
  const int result = io_uring_queue_init_params(kSubmissionEntries, &ring_, &params);
  if (result < 0) {
    return -result;
  }
  made_ = true;
  wake_ = Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  return wake_ ? 0 : errno;
}

UringLoop::~UringLoop() {
  CULVERT_ASSERT(in_flight_ == 0);  // the kernel would write into freed memory
  if (made_) {
    io_uring_queue_exit(&ring_);
  }
}

void UringLoop::enable() {
  // By its number: liburing 2.3 declares io_uring_enable_rings() and does not export it.
  CULVERT_ASSERT(::syscall(__NR_io_uring_register, ring_.ring_fd, IORING_REGISTER_ENABLE_RINGS,
                           nullptr, 0) == 0);
  (void)io_uring_register_ring_fd(&ring_);  // spares a descriptor look-up per enter; may be refused
  enabled_ = true;
}

// The wake-up is a poll of an eventfd: another thread has no ring to send a message from.
void UringLoop::arm_wake() {
  io_uring_sqe& sqe = next_sqe();
  io_uring_prep_poll_add(&sqe, wake_.get(), POLLIN);
  io_uring_sqe_set_data64(&sqe, kWakeTag);
  wake_armed_ = true;
}

io_uring_sqe& UringLoop::next_sqe() {
  io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
  while (sqe == nullptr) {  // the queue is full: hand over what is in it
    const int result = io_uring_submit(&ring_);
    CULVERT_ASSERT(result >= 0 || result == -EBUSY || result == -EAGAIN || result == -EINTR);
    sqe = io_uring_get_sqe(&ring_);
  }
  return *sqe;
}

// A send is tried at once: it nearly always succeeds, and one plain system call costs less than a
// request, its completion and another turn of the loop (README, numbers). A receive is not: at the
// time when it is asked for there is mostly nothing yet, and the call would be wasted.
bool UringLoop::sent_at_once(Op& op) {
  if (op.kind() != Op::Kind::send) {
    return false;
  }
  const ssize_t sent = ::send(op.fd(), op.buffer(), op.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0 && answer_to(-errno) != Answer::finish) {
    return false;
  }
  op.finished(sent < 0 ? -errno : static_cast<int>(sent));
  return true;
}

void UringLoop::submit(Op& op) {
  if (sent_at_once(op)) {
    return;
  }
  ++in_flight_;
  queue_operation(op);
}

void UringLoop::queue_operation(Op& op) {
  io_uring_sqe& sqe = next_sqe();
  switch (op.kind()) {
    case Op::Kind::accept:
      io_uring_prep_accept(&sqe, op.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      break;
    case Op::Kind::connect:
      io_uring_prep_connect(&sqe, op.fd(), op.address(), op.address_bytes());
      break;
    case Op::Kind::recv: io_uring_prep_recv(&sqe, op.fd(), op.buffer(), op.size(), 0); break;
    case Op::Kind::send:
      io_uring_prep_send(&sqe, op.fd(), op.buffer(), op.size(), MSG_NOSIGNAL);
      break;
    case Op::Kind::readable: io_uring_prep_poll_add(&sqe, op.fd(), POLLIN | POLLRDHUP); break;
    case Op::Kind::writable: io_uring_prep_poll_add(&sqe, op.fd(), POLLOUT); break;
  }
  io_uring_sqe_set_data(&sqe, &op);
}

void UringLoop::queue_poll(Op& op) {
  const bool is_input = op.kind() == Op::Kind::accept || op.kind() == Op::Kind::recv;
  io_uring_sqe& sqe = next_sqe();
  io_uring_prep_poll_add(&sqe, op.fd(), is_input ? POLLIN | POLLRDHUP : POLLOUT);
  io_uring_sqe_set_data(&sqe, &op);
  op.backend_flags |= kPolling;
}

// Whatever the answer to the cancel is (found, not found, too late), the operation's own completion
// comes, and only that ends the operation.
void UringLoop::cancel(Op& op) {
  op.backend_flags |= kCancelRequested;
  io_uring_sqe& sqe = next_sqe();
  io_uring_prep_cancel(&sqe, &op, 0);
  io_uring_sqe_set_data64(&sqe, kCancelTag);
}

bool UringLoop::wait(std::optional<Duration> timeout) {
  if (!enabled_) {
    enable();
  }
  if (!wake_armed_) {
    arm_wake();
  }
  enter(timeout);
  take_completions();
  return true;
}

void UringLoop::enter(std::optional<Duration> timeout) {
  int result = 0;
  if (io_uring_cq_ready(&ring_) != 0 || (timeout && *timeout <= Duration::zero())) {
    // Nothing to wait for, and often nothing to tell the kernel either.
    const unsigned flags = IO_URING_READ_ONCE(*ring_.sq.kflags);
    if (io_uring_sq_ready(&ring_) != 0 ||
        (flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0) {
      result = io_uring_submit_and_get_events(&ring_);
    }
  } else {
    io_uring_cqe* cqe = nullptr;
    __kernel_timespec spec{};
    if (timeout) {
      const auto seconds = std::chrono::floor<std::chrono::seconds>(*timeout);
      spec.tv_sec = seconds.count();
      spec.tv_nsec = (*timeout - seconds).count();
    }
    result = io_uring_submit_and_wait_timeout(&ring_, &cqe, 1, timeout ? &spec : nullptr, nullptr);
  }
  // ETIME: the timeout. EINTR: a signal. EBUSY, EAGAIN: memory is short or completions have to be
  // taken first; what was queued stays queued for the next turn.
  CULVERT_ASSERT(result >= 0 || result == -ETIME || result == -EINTR || result == -EBUSY ||
                 result == -EAGAIN);
}

void UringLoop::take_completions() {
  unsigned head = 0;
  unsigned count = 0;
  io_uring_cqe* cqe = nullptr;
  io_uring_for_each_cqe(&ring_, head, cqe) {
    ++count;
    if (cqe->user_data == kCancelTag) {
      continue;
    }
    if (cqe->user_data == kWakeTag) {
      std::uint64_t value = 0;
      (void)!::read(wake_.get(), &value, sizeof(value));
      wake_armed_ = false;
      continue;
    }
    completed(*reinterpret_cast<Op*>(cqe->user_data), cqe->res);
  }
  io_uring_cq_advance(&ring_, count);
}

void UringLoop::completed(Op& op, int result) {
  const bool cancelling = (op.backend_flags & kCancelRequested) != 0;
  Answer answer = answer_to(result);
  if ((op.backend_flags & kPolling) != 0) {
    op.backend_flags &= ~kPolling;
    answer = result < 0 ? Answer::finish : Answer::retry;
    result = cancelling ? -ECANCELED : result;
  }
  if (answer != Answer::finish && !cancelling) {
    answer == Answer::retry ? queue_operation(op) : queue_poll(op);
    return;
  }
  --in_flight_;
  op.finished(cancelling && answer != Answer::finish ? -ECANCELED : result);
}

void UringLoop::wake() {
  const std::uint64_t one = 1;
  (void)!::write(wake_.get(), &one, sizeof(one));
}

// Runs one request through a small ring of this thread, because a seccomp filter may allow the
// set-up and refuse the rest. Returns 0 or an errno.
int try_ring() {
  io_uring ring{};
  io_uring_params params{};
  params.flags = kSetupFlags;
  params.cq_entries = 8;
  int result = io_uring_queue_init_params(4, &ring, &params);
  if (result < 0) {
    return -result;
  }
  io_uring_prep_nop(io_uring_get_sqe(&ring));
  result = io_uring_submit_and_wait(&ring, 1);
  io_uring_queue_exit(&ring);
  return result < 0 ? -result : 0;
}

std::string likely_cause(int error) {
  int disabled = 0;
  std::ifstream("/proc/sys/kernel/io_uring_disabled") >> disabled;
  switch (error) {
    case EPERM:
    case EACCES:
      return disabled != 0 ? "the sysctl kernel.io_uring_disabled is " + std::to_string(disabled)
                           : "a seccomp profile or a security module forbids it";
    case ENOSYS: return "the kernel was built without it, or a seccomp profile hides it";
    case EINVAL: return "the kernel is older than 6.1";
    case ENOMEM: return "the limit on locked memory (RLIMIT_MEMLOCK) or memory itself is too small";
    case EMFILE:
    case ENFILE: return "no descriptor is left";
    default: return "an unexpected refusal";
  }
}

}  // namespace

Result<std::unique_ptr<Loop>> make_uring_loop() {
  auto loop = std::make_unique<UringLoop>();
  int error = try_ring();
  if (error == 0) {
    error = loop->set_up();
  }
  if (error != 0) {
    return fail(Errc::unavailable, from_errno(error, "io_uring can't be used").context +
                                       " (likely cause: " + likely_cause(error) + ")");
  }
  return std::unique_ptr<Loop>(std::move(loop));
}

}  // namespace culvert::io
