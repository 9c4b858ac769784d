// Pki: the certificates and keys of a Kubernetes control plane, made with the openssl command in
// one folder: what others than we made is what tests of our TLS should meet.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace culvert::lab {

class Pki {
 public:
  // Makes the authority, in `folder`.
  explicit Pki(std::string folder);

  // issue makes NAME.crt and NAME.key in the folder, for both usages. `subject` is in openssl's
  // form
  // ("/O=system:masters/CN=admin"), `names` too ("DNS:localhost,IP:127.0.0.1"), and may be empty.
  void issue(std::string_view name, std::string_view subject, std::string_view names = {}) const;

  std::string authority() const { return folder_ + "/ca.crt"; }
  std::string certificate(std::string_view name) const { return path(name, ".crt"); }
  std::string key(std::string_view name) const { return path(name, ".key"); }

 private:
  std::string path(std::string_view name, std::string_view ending) const;

  std::string folder_;
};

}  // namespace culvert::lab
