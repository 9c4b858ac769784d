"""Checks on plain text: licences, unfinished work, foreign hosts and machine paths, dead sources."""
# SPDX-License-Identifier: Apache-2.0
import posixpath
import re

_SPDX = "SPDX-License-Identifier: "
_HEAD_LINES = 15
_UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX)\b(?!\(#\d+\))")
_DEAD_CODE = re.compile(r"^\s*// ?(?:if \(|for \(|while \(|return\b|auto\b|co_await\b|const\b|\w+\.\w+\().*[;{]\s*$")
_MACHINE_PATH = re.compile(r"(?<![\w.$}])/(?:work|root|home/\w+|tmp/w)/")
_URL = re.compile(r"https?://([A-Za-z0-9.-]+)")

# Hosts that a comment or a document may point at, and the names that tests and protocols use.
KNOWN_HOSTS = {
    "github.com", "www.apache.org", "datatracker.ietf.org", "www.rfc-editor.org", "docs.kernel.org", "man7.org",
    "spiffe.io", "istio.io", "kubernetes.io", "gateway-api.sigs.k8s.io", "protobuf.dev", "localhost",
}
# Files whose format dictates an address: a lock file names the index it was resolved against.
DICTATED = {"tools/boringssl/Cargo.lock"}
_TEST_HOST = re.compile(r"^[\d.]+$|\.(?:local|svc|test|example|internal)$|^[a-z0-9-]+$")


def check(tree):
    for path in tree.paths(".cc", ".h", ".c", ".py", ".proto") + tree.scripts():
        head = tree.lines(path)[:_HEAD_LINES]
        if not any(_SPDX in line for line in head):
            yield path, 1, f"no {_SPDX}… line at the end of the head comment"
    for path in tree.paths():
        if tree.is_binary(path) or path.startswith("tools/checks/") or path in DICTATED:
            continue
        for number, line in enumerate(tree.lines(path), 1):
            yield from _line(path, number, line)
    yield from _dead_sources(tree)


def _line(path, number, line):
    if _UNFINISHED.search(line):
        yield path, number, "unfinished work without an issue number: write TODO(#12) or do it"
    if path.endswith((".cc", ".h", ".c")) and _DEAD_CODE.match(line):
        yield path, number, "code in a comment: delete it, git remembers"
    if found := _MACHINE_PATH.search(line):
        yield path, number, f"'{found[0]}' is a path of one machine"
    for host in _URL.findall(line):
        if host not in KNOWN_HOSTS and not _TEST_HOST.search(host):
            yield path, number, f"the host {host} is not among those a file may name (tools/checks/text.py)"


def _dead_sources(tree):
    lists = {posixpath.dirname(path): tree.text(path) for path in tree.paths() if path.endswith("CMakeLists.txt")}
    everywhere = "".join(tree.text(path) for path in tree.paths(".cmake"))
    for path in tree.paths(".cc", ".c"):
        folder, name = posixpath.split(path)
        pattern = re.compile(rf"(?<![\w.]){re.escape(name)}(?!\w)")
        above = folder
        while True:
            if pattern.search(lists.get(above, "")) or (not above and pattern.search(everywhere)):
                break
            if not above:
                yield path, 0, "no CMakeLists.txt names this file: it is never built"
                break
            above = posixpath.dirname(above)
