// Which backend a process gets, and what it is told when io_uring is not allowed.
// SPDX-License-Identifier: Apache-2.0
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cstddef>
#include <string>
#include <thread>

#include "tests/unit/io/backends.h"

namespace culvert::io {
namespace {

// The environment's choice, for one test.
class Choice {
 public:
  explicit Choice(const char* value) {
    if (const char* before = std::getenv("CULVERT_IO")) {
      before_ = before;
    }
    value != nullptr ? ::setenv("CULVERT_IO", value, 1) : ::unsetenv("CULVERT_IO");
  }
  ~Choice() { before_ ? ::setenv("CULVERT_IO", before_->c_str(), 1) : ::unsetenv("CULVERT_IO"); }

 private:
  std::optional<std::string> before_;
};

// Runs `test` on a thread whose system call `number` fails with `error`, as a container's seccomp
// profile would have it.
void without_call(int number, int error, void (*test)()) {
  std::thread([&] {
    std::array<sock_filter, 4> filter{{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(number), 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error)),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    }};
    const sock_fprog program{.len = filter.size(), .filter = filter.data()};
    CHECK(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
    test();
  }).join();
}

void check_fallback(std::string_view cause) {
  const auto refused = make_loop(Backend::uring);
  CHECK(code_of(refused) == Errc::unavailable);
  std::string reason;
  const auto loop = make_loop(Backend::automatic, &reason);
  CHECK((*loop)->backend() == "epoll");
  CHECK(reason.find("io_uring can't be used") != std::string::npos);
  CHECK_MESSAGE(reason.find(cause) != std::string::npos, reason);
}

TEST_CASE("where io_uring is forbidden, automatic falls back to epoll and says the likely cause") {
  const Choice none(nullptr);
  without_call(SYS_io_uring_setup, ENOSYS, [] { check_fallback("a seccomp profile hides it"); });
  without_call(SYS_io_uring_setup, EINVAL, [] { check_fallback("the kernel is older than 6.1"); });
  without_call(SYS_io_uring_setup, ENOMEM, [] { check_fallback("RLIMIT_MEMLOCK"); });
}

TEST_CASE("a seccomp profile that allows the set-up and refuses to enter is found at once too") {
  const Choice none(nullptr);
  without_call(SYS_io_uring_enter, ENOSYS, [] { check_fallback("a seccomp profile hides it"); });
}

TEST_CASE("the environment chooses the backend where the program does not") {
  {
    const Choice choice("epoll");
    CHECK((*make_loop(Backend::automatic))->backend() == "epoll");
  }
  if (make_loop(Backend::uring)) {
    const Choice choice("uring");
    CHECK((*make_loop(Backend::automatic))->backend() == "uring");
    const Choice undecided("auto");
    CHECK((*make_loop(Backend::automatic))->backend() == "uring");
  }
  {
    const Choice nonsense("fast");
    const auto refused = make_loop(Backend::automatic);
    CHECK(code_of(refused) == Errc::config);
    CHECK(to_string(refused.error()).find("\"fast\"; set it to uring, epoll or auto") !=
          std::string::npos);
  }
  const Choice choice("uring");
  CHECK((*make_loop(Backend::epoll))->backend() == "epoll");
}

}  // namespace
}  // namespace culvert::io
