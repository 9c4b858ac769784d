"""Checks every #include against the tables in rooms.py."""
# SPDX-License-Identifier: Apache-2.0
import re

from checks.rooms import MAY_INCLUDE, OWNERS, room_of

_INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')
_OURS = ("bpf/", "ztunnel/", "agent/", "tools/", "tests/")


def check(tree):
    for path in tree.paths(".cc", ".h", ".c"):
        for number, line in enumerate(tree.lines(path), 1):
            found = _INCLUDE.match(line)
            if not found:
                continue
            quote, name = found.groups()
            if quote == '"' and name.startswith(_OURS):
                yield from _direction(path, number, name)
            else:
                yield from _owner(path, number, name, quote)


def _direction(path, number, name):
    room = room_of(path, MAY_INCLUDE)
    target = room_of(name, MAY_INCLUDE)
    if room is None or target is None or target == room:
        return
    # A room's own subfolders are the room; a table entry that is a prefix of the include allows it.
    if name.startswith(room) and target == room:
        return
    if any(name.startswith(allowed) for allowed in MAY_INCLUDE[room]):
        return
    yield path, number, f"{room} must not include {name}: includes point one way (tools/checks/rooms.py)"


def _owner(path, number, name, quote):
    if quote == '"' and "/" not in name and not name.endswith((".skel.h", ".pb.h")):
        if not path.startswith("bpf/"):
            yield path, number, f'#include "{name}": include our own headers by their path from the root'
    for prefix, (owners, why) in OWNERS.items():
        if name.startswith(prefix) and not path.startswith(tuple(owners)):
            yield path, number, f"<{name}> is for {', '.join(owners)} only: {why}"
