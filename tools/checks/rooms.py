"""Who may include what: the one table of the include direction and of the owners of foreign headers."""
# SPDX-License-Identifier: Apache-2.0

# The library's rooms from left to right: a room includes itself and what stands left of it.
LIBRARY = ["base", "obs", "io", "net", "tls", "http", "control", "policy"]
_LIB = [f"ztunnel/lib/{room}/" for room in LIBRARY]
_ABI = "bpf/include/"

# Room -> what it may include besides itself. The longest prefix of a file's path is its room.
MAY_INCLUDE = {
    "bpf/": [],
    **{room: _LIB[:i] + ([_ABI] if i >= LIBRARY.index("net") else []) for i, room in enumerate(_LIB)},
    "ztunnel/proxy/": [*_LIB, _ABI],
    "ztunnel/admin/": [*_LIB, _ABI, "ztunnel/proxy/"],
    "ztunnel/": [*_LIB, _ABI, "ztunnel/proxy/", "ztunnel/admin/"],
    # The agent's rooms from the bottom up; what lies in agent/ itself wires them.
    "agent/flags/": ["ztunnel/lib/base/"],
    "agent/cni/": ["ztunnel/lib/base/", "ztunnel/lib/obs/", "ztunnel/lib/io/"],  # knows no other part of the agent
    "agent/kube/": _LIB,
    "agent/datapath/": ["ztunnel/lib/base/", "ztunnel/lib/obs/", _ABI],
    "agent/signer/": [*_LIB, "ztunnel/admin/admin.h", "agent/flags/", "agent/kube/"],
    "agent/mesh/": [*_LIB, "agent/root_socket.h", "agent/kube/", "agent/signer/names.h"],
    "agent/enrol/": [*_LIB, _ABI, "agent/root_socket.h", "agent/cni/", "agent/datapath/", "agent/mesh/desired.h"],
    "agent/cluster/": [*_LIB, "agent/kube/", "agent/mesh/", "agent/enrol/notices.h"],
    "agent/uninstall/": [*_LIB, "agent/kube/", "agent/mesh/redirection_annotation.h", "agent/signer/names.h"],
    "agent/": [*_LIB, _ABI, "ztunnel/admin/", "agent/"],  # the HttpServer of the second
    # Its check asks the same questions about a node as the agent; it knows the signer's objects by name.
    "tools/culvertctl/": [*_LIB, _ABI, "agent/cni/", "agent/datapath/", "agent/signer/names.h"],
    "tests/": ["tests/", "bpf/", "ztunnel/", "agent/", "tools/culvertctl/"],
    "tests/support/": ["bpf/", "ztunnel/lib/", "agent/cni/"],  # its client of the enrol socket
}

# Foreign header prefix -> the files that may include it (path prefixes), and why nobody else.
OWNERS = {
    "openssl/": (["ztunnel/lib/tls/", "tests/unit/tls/", "tests/fuzz/certificates", "tests/support/peers/intermediate",
                  "tests/support/peers/raw_tls"],
                 "TLS has one room"),
    "liburing.h": (["ztunnel/lib/io/uring"], "the ring stays behind io::Loop"),
    "bpf/": (["bpf/", "agent/datapath/", "tests/bpf/"], "agent/datapath is the only caller of bpf()"),
    "nghttp2/": (["ztunnel/lib/http/", "tests/unit/http/", "tests/support/peers/h2_frames"], "HTTP/2 has one room"),
    "spdlog/": (["ztunnel/lib/obs/"], "logging has one room"),
    "prometheus/": (["ztunnel/lib/obs/"], "metrics have one room"),
    "microhttpd.h": (["ztunnel/admin/"], "HTTP/1.1 serving has one room"),
    "yaml-cpp/": (["agent/mesh/", "agent/kube/kubeconfig"], "YAML is read by the file source, and kubeconfigs are YAML"),
    "libmnl/": (["agent/", "ztunnel/lib/net/"], "netlink is for who configures a namespace"),
    "ares.h": (["ztunnel/lib/net/"], "names are resolved in one room"),
    "seccomp.h": (["ztunnel/"], "ztunnel confines itself"),
    "CLI/": (["agent/", "ztunnel/", "tools/culvertctl/", "tests/support/"], "flags are read by programs"),
}


def room_of(path, rooms):
    """The longest of `rooms` that `path` starts with, or None."""
    return max((room for room in rooms if path.startswith(room)), key=len, default=None)
