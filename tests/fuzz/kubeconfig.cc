// A kubeconfig of any kind. What is accepted says where the server is, what its certificate must
// lead to and who we are; what is not is one sentence that begins with the file's name.
// SPDX-License-Identifier: Apache-2.0
#include <sys/mman.h>
#include <unistd.h>

#include "agent/kube/config.h"
#include "ztunnel/lib/base/assert.h"
#include "ztunnel/lib/base/fd.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace culvert;
  const Fd file(::memfd_create("kubeconfig", MFD_CLOEXEC));
  CULVERT_ASSERT(file && ::write(file.get(), bytes, size) == static_cast<ssize_t>(size));
  const std::string path = "/proc/self/fd/" + std::to_string(file.get());
  auto config = kube::read_kubeconfig(path);
  if (!config) {
    CULVERT_ASSERT(config.error().code == Errc::config &&
                   config.error().context.starts_with(path + ": "));
    return 0;
  }
  CULVERT_ASSERT(config->server.port != 0 && !config->authority.empty() &&
                 !config->server_name.empty() && config->roots.given());
  CULVERT_ASSERT(config->certificate.given() == config->key.given());
  const auto token = config->token.get({});
  CULVERT_ASSERT(!token || !token->empty() || config->certificate.given());
  return 0;
}
