// The text of a YAML file of Kubernetes objects, through the translator to what ztunnel decides by.
// The same text makes the same mesh; a problem is a sentence; all that we would send is taken
// without a complaint by our own decoder, and can be asked for a verdict.
// SPDX-License-Identifier: Apache-2.0
#include "agent/mesh/translator.h"
#include "agent/mesh/yaml_file.h"
#include "ztunnel/lib/base/assert.h"
#include "ztunnel/lib/policy/authorize.h"
#include "ztunnel/lib/policy/store.h"

namespace culvert::mesh {
namespace {

std::vector<policy::ResourceBytes> pushed(const Resources& resources) {
  std::vector<policy::ResourceBytes> push;
  for (const auto& [name, resource] : resources) {
    CULVERT_ASSERT(!resource.version.empty());
    push.push_back({name, as_bytes(resource.value)});
  }
  return push;
}

void check_taken(const std::vector<policy::Problem>& problems) {
  for (const auto& problem : problems) {
    std::fprintf(stderr, "%s: %s\n", problem.resource.c_str(), problem.sentence.c_str());
  }
  CULVERT_ASSERT(problems.empty());
}

void check_sentences(const std::vector<Problem>& problems) {
  for (const auto& problem : problems) {
    CULVERT_ASSERT(!problem.sentence.empty());
  }
}

void check_verdicts(const policy::Snapshot& snapshot) {
  snapshot.index().workloads.for_each([&](const auto&, const policy::WorkloadPtr& workload) {
    for (const bool plaintext : {true, false}) {
      policy::ConnectionContext connection{{}, IpAddress::loopback_v4(), {IpAddress::any_v4(), 80}};
      if (!plaintext) {
        connection.peer = workload->identity();
      }
      CULVERT_ASSERT(!policy::authorize(snapshot, *workload, connection).reason.empty());
    }
    // A policy that a workload lists must be there: its absence would let everybody in.
    for (const auto& key : workload->authorization_policies) {
      CULVERT_ASSERT(snapshot.authorization(key) != nullptr);
    }
  });
}

}  // namespace
}  // namespace culvert::mesh

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace culvert;
  using namespace culvert::mesh;
  const std::string text(as_text({bytes, size}));
  const auto file = read_yaml("fuzz.yaml", text);
  check_sentences(file.problems);
  CULVERT_ASSERT(!file.broken || (file.objects.count() == 0 && !file.problems.empty()));
  const MeshOptions options{.node = "n1"};
  const auto translation = translate(file.objects, options, {"uid-server"});
  check_sentences(translation.problems);
  CULVERT_ASSERT(translate(read_yaml("fuzz.yaml", text).objects, options, {"uid-server"}).mesh ==
                 translation.mesh);
  policy::Store store;
  const auto addresses = pushed(translation.mesh.addresses);
  const auto policies = pushed(translation.mesh.authorizations);
  check_taken(store.apply_addresses(addresses, {}));
  check_taken(store.apply_authorizations(policies, {}));
  const auto snapshot = store.snapshot();
  CULVERT_ASSERT(snapshot->index().workloads.size() + snapshot->index().services.size() ==
                 addresses.size());
  CULVERT_ASSERT(snapshot->index().authorizations.size() == policies.size());
  check_verdicts(*snapshot);
  return 0;
}
