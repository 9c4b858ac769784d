"""Checks that who uses a name of a precompiled header (tools/cmake/precompiled.h) includes it, or a header of ours that does.

The compiler would not miss it: each source begins with all of them.
"""
# SPDX-License-Identifier: Apache-2.0
import functools
import re

_PRECOMPILED = "tools/cmake/precompiled.h"
# A header -> what it is known by.
_NAMES = {
    "algorithm": r"std::(?:ranges::)?(?:sort|find_if|any_of|all_of|none_of|count_if|copy_n|min|max|clamp|fill|replace_if|transform)\b"
                 r"|std::ranges::(?:find|count|equal|copy|contains)\b",
    "array": r"std::array\b",
    "atomic": r"std::(?:atomic\b|atomic_\w+|memory_order_\w+)",
    "cerrno": r"\berrno\b",
    "charconv": r"std::(?:from_chars|to_chars)\b",
    "chrono": r"std::chrono::",
    "coroutine": r"std::(?:coroutine_handle|suspend_always|suspend_never|noop_coroutine)\b",
    "cstdint": r"std::u?int\d+_t\b",
    "cstdio": r"std::(?:printf|fprintf|snprintf|fputs|fflush|rename|remove)\(",
    "cstring": r"std::(?:memcpy|memset|memcmp|strerror|strlen)\b",
    "deque": r"std::deque\b",
    "filesystem": r"std::filesystem\b",
    "fstream": r"std::(?:ifstream|ofstream|fstream)\b",
    "functional": r"std::(?:function|move_only_function|less|hash)<",
    "map": r"std::(?:multi)?map\b",
    "memory": r"std::(?:unique_ptr|shared_ptr|weak_ptr|make_unique|make_shared)\b",
    "mutex": r"std::(?:mutex|lock_guard|scoped_lock|unique_lock|once_flag)\b",
    "optional": r"std::(?:optional|nullopt)\b",
    "random": r"std::(?:mt19937\w*|random_device|uniform_\w+_distribution)\b",
    "ranges": r"std::views::",
    "set": r"std::(?:multi)?set\b",
    "span": r"std::span\b",
    "sstream": r"std::(?:[io]?stringstream)\b",
    "string": r"std::(?:string|to_string|getline)\b",
    "string_view": r"std::string_view\b",
    "thread": r"std::(?:thread|jthread|this_thread)\b",
    "unordered_map": r"std::unordered_map\b",
    "variant": r"std::(?:variant|visit|get_if|holds_alternative|monostate)\b",
    "vector": r"std::vector\b",
    "fmt/format.h": r"fmt::format",
    "fmt/ranges.h": r"fmt::join\b",
    "nlohmann/json.hpp": r"nlohmann::(?:ordered_)?json\b",
}
# A header -> others that promise it.
_BROUGHT_BY = {
    "string_view": ("string",),
    "cstring": ("string.h",),
    "cerrno": ("errno.h",),
    "fmt/format.h": ("fmt/ranges.h", "fmt/chrono.h"),
    "nlohmann/json.hpp": ("nlohmann/json_fwd.hpp",),
}
# What needs no names: it comes with nearly every other header, or only generated sources include it.
_NAMELESS = re.compile("utility$|google/protobuf/")
_PATTERNS = {header: re.compile(names) for header, names in _NAMES.items()}
_INCLUDE = re.compile(r'^#include [<"]([^>"]+)[>"]', re.M)
_COMMENT = re.compile(r'//[^\n]*|"(?:\\.|[^"\\\n])*"')


def _all_included(path, includes, ours):
    """What `path` includes, by way of our own headers too."""
    has, ahead = set(), [path]
    while ahead:
        fresh = includes(ahead.pop()) - has
        has |= fresh
        ahead += fresh & ours
    return has


def _differences(precompiled):
    for header in sorted(set(_INCLUDE.findall(precompiled)) ^ set(_NAMES)):
        if not _NAMELESS.match(header):
            yield _PRECOMPILED, 0, f"<{header}> is either here or in tools/checks/std_names.py: it belongs in both or in neither"


def check(tree):
    if _PRECOMPILED in tree.paths():
        yield from _differences(tree.text(_PRECOMPILED))
    ours = set(tree.paths(".h"))
    includes = functools.cache(lambda path: frozenset(_INCLUDE.findall(tree.text(path))))
    for path in tree.paths(".cc", ".h"):
        if path.startswith("bpf/"):
            continue
        has = _all_included(path, includes, ours)
        text = _COMMENT.sub("", tree.text(path))
        for header, names in _PATTERNS.items():
            if has.isdisjoint({header, *_BROUGHT_BY.get(header, ())}) and (found := names.search(text)):
                line = text.count("\n", 0, found.start()) + 1
                yield path, line, f"{found[0].rstrip('(<')} comes from <{header}>: include it"
