"""Checks that no file, type or function is named by a word that says nothing."""
# SPDX-License-Identifier: Apache-2.0
import re

BANNED_WORDS = {"util", "utils", "helper", "helpers", "common", "misc", "manager", "handler", "data", "info"}
BANNED_PREFIXES = ("do_", "process_")
# Names that other people's interfaces ask for.
EXCUSED = {"data"}  # the container protocol: data(), size()
# Words that an interface or a protocol uses as its own names, where it is spoken.
EXCUSED_WORDS = {
    "agent/datapath/": {"helper", "helpers", "info"},
    "bpf/": {"helper", "helpers", "info"},
    "ztunnel/lib/http/": {"data"},  # the frame of RFC 9113
}

_TYPE = re.compile(r"^\s*(?:template\s*<.*>\s*)?(?:class|struct|union|enum class|enum|namespace|using)\s+(?:\[\[.*?\]\]\s*)?(\w+)")
_FUNCTION = re.compile(r"^(?: {2})?[A-Za-z_][\w:<>,&*\s\[\]]*[\s&*](?:\w+::)*(\w+)\(")
_STATEMENT = re.compile(r"^\s*(?:return|co_return|co_await|co_yield|else|if|for|while|switch|case|throw|delete|new|using|#|//)\b")


def words(name):
    """The words of a snake_case or PascalCase name, in lower case."""
    return [word.lower() for part in name.split("_") for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+", part)]


def bad_word(name, path=""):
    excused = next((words for room, words in EXCUSED_WORDS.items() if path.startswith(room)), set())
    if name in EXCUSED:
        return None
    for prefix in BANNED_PREFIXES:
        if name.startswith(prefix):
            return prefix
    return next((word for word in words(name) if word in BANNED_WORDS - excused), None)


def check(tree):
    for path in tree.paths():
        for part in path.split("/"):
            stem = part.split(".")[0]
            if stem and bad_word(stem):
                yield path, 0, f"'{part}' holds the banned word '{bad_word(stem)}': name what it is for"
    for path in tree.paths(".cc", ".h", ".c"):
        for number, line in enumerate(tree.lines(path), 1):
            if _STATEMENT.match(line):
                continue
            found = _TYPE.match(line) or ("=" not in line.split("(")[0] and _FUNCTION.match(line))
            if found and (word := bad_word(found[1], path)):
                yield path, number, f"'{found[1]}' holds the banned word '{word}': say what it does or is"
