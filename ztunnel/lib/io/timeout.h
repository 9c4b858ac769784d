// with_timeout: a deadline around any task.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "ztunnel/lib/io/loop.h"
#include "ztunnel/lib/io/scope.h"

namespace culvert::io {
namespace timeout_internal {

template <class T>
Task<> run_into(Task<T> task, std::optional<Result<T>>& result, Scope& scope) {
  result.emplace(co_await as_result(std::move(task)));
  scope.cancel();  // the timer
}

inline Task<> expire(Loop& loop, Duration after, bool& expired, Scope& scope) {
  co_await loop.sleep(after);
  expired = true;
  scope.cancel();  // the task
}

}  // namespace timeout_internal

// with_timeout gives `task` `limit` to end; then it is cancelled, waited for, and the whole fails
// with `timed_out` and the context "`what`: timed out after N ms". The task runs in a fiber of its
// own, so this costs an allocation: for connects and handshakes, not for each read.
template <class T>
Task<T> with_timeout(Loop& loop, Duration limit, std::string what, Task<T> task) {
  std::optional<Result<T>> result;
  bool expired = false;
  Scope scope(loop, Scope::OnFailure::ignore);
  scope.spawn(timeout_internal::run_into(std::move(task), result, scope));
  scope.spawn(timeout_internal::expire(loop, limit, expired, scope));
  auto joined = co_await as_result(scope.join());
  if (!joined) {
    co_await fail(std::move(joined).error());
  }
  if (expired && !*result && result->error().code == Errc::cancelled) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(limit).count();
    co_await fail(Errc::timed_out, what + ": timed out after " + std::to_string(ms) + " ms");
  }
  co_return co_await std::move(*result);
}

}  // namespace culvert::io
