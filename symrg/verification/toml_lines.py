"""Where the tables and keys of a TOML text stand, which `tomllib` doesn't tell."""

from __future__ import annotations

import re

Path = tuple[str | int, ...]

_TABLE = re.compile(r"^\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(
    r"""^\s*((?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*'))*)\s*="""
)
_PART = re.compile(r"""[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*'""")


class LineMap:
    """Line numbers of a TOML text that has been read without error.

    A path is made of keys and, in arrays of tables, of numbers from 0: ("claim", 2, "lhs").
    """

    def __init__(self, text: str):
        self.lines: dict[Path, int] = {}
        self.counts: dict[Path, int] = {}
        table: Path = ()
        depth = 0
        quote = ""
        for number, line in enumerate(text.splitlines(), 1):
            if not depth and not quote:
                header = _TABLE.match(line)
                if header is not None:
                    table = self._enter(_parts(header[2]), header[1] == "[[", number)
                    continue
                key = _KEY.match(line)
                if key is not None:
                    parts = _parts(key[1])
                    for length in range(1, len(parts) + 1):
                        self.lines.setdefault((*table, *parts[:length]), number)
                    line = line[key.end() :]
            depth, quote = _scan(line, depth, quote)

    def _enter(self, parts: Path, array: bool, number: int) -> Path:
        path: Path = ()
        for k, part in enumerate(parts):
            path = (*path, part)
            last = k == len(parts) - 1
            if last and array:
                self.counts[path] = self.counts.get(path, -1) + 1
            if path in self.counts:
                path = (*path, self.counts[path])
        for shorter in range(1, len(path) + 1):
            self.lines.setdefault(path[:shorter], number)
        return path

    def line(self, path: Path) -> int:
        """The line of a path, or of the nearest table that holds it."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return 1


def _parts(text: str) -> Path:
    return tuple(p.strip("\"'") for p in _PART.findall(text))


def _scan(line: str, depth: int, quote: str) -> tuple[int, str]:
    """Bracket depth and open multi-line string at the end of a line."""
    at = 0
    while at < len(line):
        if quote:
            end = line.find(quote, at)
            while end > 0 and quote == '"""' and line[end - 1] == "\\":
                end = line.find(quote, end + 1)
            if end < 0:
                return depth, quote
            at, quote = end + 3, ""
            continue
        c = line[at]
        if line.startswith(('"""', "'''"), at):
            quote = line[at : at + 3]
            at += 3
        elif c in "\"'":
            end = at + 1
            while end < len(line) and line[end] != c:
                end += 2 if line[end] == "\\" and c == '"' else 1
            at = end + 1
        elif c == "#":
            return depth, quote
        else:
            depth += (c in "[{") - (c in "]}")
            at += 1
    return depth, quote
