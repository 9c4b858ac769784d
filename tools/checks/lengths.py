"""Checks that files and functions stay short enough to be read."""
# SPDX-License-Identifier: Apache-2.0
import ast
import re

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70

# Path -> why it may be longer. A table or a list of cases is not improved by a cut.
LONG_FILES = {}
# "path:function line's start" is too brittle; a function is excused by its file and name.
LONG_FUNCTIONS = {}

_OPENING = re.compile(r"^( {0,2})[A-Za-z_~\[]")
_NAME = re.compile(r"([\w~:]+)\(")


def check(tree):
    for path in tree.paths(".cc", ".h", ".c", ".py", ".proto") + tree.scripts():
        lines = tree.lines(path)
        if len(lines) > FILE_LINES_MAX and path not in LONG_FILES:
            yield path, 0, f"{len(lines)} lines; more than {FILE_LINES_MAX} asks for a second file (or a reason in tools/checks/lengths.py)"
    for path in tree.paths(".cc", ".h", ".c"):
        for start, length, name in functions(tree.lines(path)):
            if length > FUNCTION_LINES_MAX and (path, name) not in LONG_FUNCTIONS:
                yield path, start, f"{name} has {length} lines; more than {FUNCTION_LINES_MAX} asks for a second function"
    for path in tree.paths(".py") + [p for p in tree.scripts() if "python" in tree.lines(p)[0]]:
        for node in ast.walk(ast.parse(tree.text(path))):
            if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno >= FUNCTION_LINES_MAX:
                yield path, node.lineno, f"{node.name} has {node.end_lineno - node.lineno + 1} lines; more than {FUNCTION_LINES_MAX} asks for a second function"


def functions(lines):
    """(first line, length, name) of every body that closes at column 0 or 2 in formatted code."""
    opened = {0: None, 2: None}
    for number, line in enumerate(lines, 1):
        for indent in (0, 2):
            if line == " " * indent + "}" and opened[indent]:
                start, text = opened[indent]
                name = _NAME.search(text)
                if name and not text.startswith("namespace"):
                    yield start, number - start + 1, name[1]
                opened[indent] = None
        found = _OPENING.match(line)
        if found and not line.strip().startswith(("}", "//")) and len(found[1]) in opened:
            opened[len(found[1])] = (number, line.strip())
