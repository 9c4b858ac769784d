"""tests/README.md, "Adversaries": each test that the table names is there."""
# SPDX-License-Identifier: Apache-2.0
import re

_README = "tests/README.md"
_TEST = re.compile(r'`([\w/]+)` "([^"|]+)"')
_SPLICE = re.compile(r'"\s*\n\s*"')  # a literal in two pieces


def check(tree):
    """A row's second cell holds tests as `FOLDER/FILE` "words of the test's name"."""
    if _README not in tree.paths():
        return
    inside = False
    for number, line in enumerate(tree.lines(_README), 1):
        if line.startswith("## "):
            inside = line == "## Adversaries"
        cells = line.split(" | ")
        if not inside or len(cells) < 3 or set(line) <= set("| -") or cells[1].strip() == "test":
            continue
        tests = _TEST.findall(cells[1])
        if not tests:
            yield _README, number, 'this row names no test; write `unit/http/resets` "words of its name"'
        for file, words in tests:
            path = f"tests/{file}.cc"
            if path not in tree.paths() or words not in _SPLICE.sub("", tree.text(path)):
                yield _README, number, f'no test in {path} has "{words}" in its name'
