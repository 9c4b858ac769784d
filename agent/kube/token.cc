// SPDX-License-Identifier: Apache-2.0
#include "agent/kube/token.h"

#include "agent/kube/text_file.h"
#include "ztunnel/lib/obs/log.h"

namespace culvert::kube {

Token Token::of_text(std::string text) {
  Token token;
  token.text_ = std::move(text);
  return token;
}

Token Token::of_file(std::string path) {
  Token token;
  token.path_ = std::move(path);
  return token;
}

Result<std::string> Token::get(io::TimePoint now) {
  if (path_.empty() || (!due_ && now < next_read_)) {
    return text_;
  }
  auto text = read_text(path_, kTokenBytesMax);
  if (text) {
    // Editors and `echo` end a file with a newline, which no header may have.
    text->erase(text->find_last_not_of(" \t\r\n") + 1);
    if (text->find_first_of(" \t\r\n") != std::string::npos || text->empty()) {
      text = fail(Errc::config, path_ + " holds no token: it should be one word");
    }
  }
  if (text) {
    text_ = std::move(*text);
  } else if (text_.empty()) {
    return fail(std::move(text).error());
  } else {
    obs::log(obs::Level::warn, "kube", "the token can't be read anew; the last one stays in force",
             {{"error", text.error()}});
  }
  due_ = false;
  next_read_ = now + kTokenReadInterval;
  return text_;
}

bool Token::refused() {
  due_ = true;
  return !path_.empty();
}

}  // namespace culvert::kube
