// Token: the bearer token with which a client says who it is, from text or from a file that the
// kubelet replaces long before the token in it expires.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "ztunnel/lib/base/result.h"
#include "ztunnel/lib/io/loop.h"

namespace culvert::kube {

// A file is read again at most this often, as client-go does it: the kubelet renews a token when
// 80 % of its life are over, which leaves minutes at least.
inline constexpr std::chrono::minutes kTokenReadInterval{1};
// Service account tokens are about 1 KiB; what the API server takes as a header is 1 MiB.
inline constexpr std::size_t kTokenBytesMax = 16 * 1024;

class Token {
 public:
  Token() = default;  // none
  static Token of_text(std::string text);
  static Token of_file(std::string path);

  // get gives the token, empty for none, and reads its file where that is due. A file that can't be
  // read leaves the last token in force. Fails with `config` while there never was one.
  Result<std::string> get(io::TimePoint now);

  // refused says that the API server did not take `token`: the file is read at the next get().
  // Gives whether that can help: not where the token comes from no file.
  bool refused();

 private:
  std::string path_;  // empty: text_ is all there is
  std::string text_;
  bool due_ = true;
  io::TimePoint next_read_{};
};

}  // namespace culvert::kube
