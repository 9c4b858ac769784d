// culvert-cni: one call of a container runtime: environment and standard input → answer. Nothing
// but the answer reaches standard output.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "agent/cni/call_log.h"
#include "agent/cni/plugin.h"

namespace {

using namespace culvert;

// read_input reads what read_call takes, and one byte more of what is too long. False if the
// runtime's pipe breaks.
bool read_input(std::string& input) {
  std::array<char, 16384> part{};
  while (input.size() <= cni::kInputBytesMax) {
    const ssize_t got = ::read(STDIN_FILENO, part.data(), part.size());
    if (got == 0) {
      return true;
    }
    if (got < 0 && errno != EINTR) {
      return false;
    }
    input.append(part.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  }
  return true;
}

bool print(std::string_view text) {
  while (!text.empty()) {
    const ssize_t put = ::write(STDOUT_FILENO, text.data(), text.size());
    if (put < 0 && errno != EINTR) {
      return false;
    }
    text.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(put, 0)));
  }
  return true;
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

int main() {
  std::signal(SIGPIPE, SIG_IGN);
  const auto began = std::chrono::steady_clock::now();
  std::string input;
  cni::Call call;
  const auto answer =
      read_input(input)
          ? cni::run(variable, input, call)
          : cni::error_answer("", {.code = cni::Code::io_failure,
                                   .msg = "the configuration on standard input can't be read"});
  cni::log_call(call, answer, std::chrono::steady_clock::now() - began);
  return print(answer.text) ? answer.status : 1;
}
