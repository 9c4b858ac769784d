// Result<T>: a value or an Error, which has to be looked at.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <string>
#include <utility>

#include "ztunnel/lib/base/error.h"

namespace culvert {

template <class T = void>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using std::expected<T, Error>::expected;
};

// fail makes the failed state of any Result: `return fail(Errc::config, "…")`.
inline std::unexpected<Error> fail(Error error) {
  return std::unexpected<Error>(std::move(error));
}
inline std::unexpected<Error> fail(Errc code, std::string context, Side side = Side::local) {
  return fail(Error{.code = code, .side = side, .sys = 0, .context = std::move(context)});
}
inline std::unexpected<Error> fail_errno(int errno_value, std::string_view what) {
  return fail(from_errno(errno_value, what));
}

}  // namespace culvert

// TRY(auto port, parse_port(text)) declares `port` or returns the error from this function;
// TRY_VOID(check(x)) is the same where there is no value. In coroutines write `co_await` instead.
#define CULVERT_CONCAT_(a, b) a##b
#define CULVERT_CONCAT(a, b) CULVERT_CONCAT_(a, b)
#define CULVERT_TRY_(result, declaration, expression)  \
  auto result = (expression);                          \
  if (!result) {                                       \
    return ::culvert::fail(std::move(result).error()); \
  }                                                    \
  declaration = std::move(*result)
#define TRY(declaration, expression) \
  CULVERT_TRY_(CULVERT_CONCAT(try_result_, __LINE__), declaration, expression)
#define TRY_VOID(expression)                                 \
  do {                                                       \
    if (auto try_result = (expression); !try_result) {       \
      return ::culvert::fail(std::move(try_result).error()); \
    }                                                        \
  } while (false)
