r"""Matrices and cases that are wider than a line: their widest entries get names, which are written out below.

``M = \begin{pmatrix} long & 1 \\ 0 & long \end{pmatrix}`` becomes a matrix of m_11, 1, 0 and m_22, followed by
m_11 = long and m_22 = long, as one would write it in a paper.
"""

from __future__ import annotations

import re

from symrg.typesetting.width import TOKEN, width

_BEGIN = re.compile(r"\\begin\{(pmatrix|cases)\}")
_LETTERS = "mabchkuvwfg"


def shortened(text: str, limit: float, beside: str = "") -> tuple[str, list[tuple[str, str]]]:
    """The formula with names in place of entries too wide for a line, and what the names stand for.

    Args:
        text: LaTeX of one formula.
        limit: em of a line.
        beside: formulas that stand near it; letters that occur there are not taken.

    Returns:
        The formula, and pairs (name, entry); no pairs where nothing had to be changed or could be gained.
    """
    if width(text) <= limit or not _BEGIN.search(text):
        return text, []
    free = [c for c in _LETTERS if not re.search(rf"(?<![A-Za-z\\]){c}(?![A-Za-z])", f"{text} {beside}")]
    named: list[tuple[str, str]] = []
    position = 0
    while free and (found := _BEGIN.search(text, position)):
        start, kind = found.start(), found[1]
        end = _end(text, start, kind)
        if end < 0:
            break
        before = width(text[:start].rpartition("=")[2])
        room = limit - (before if before < limit / 3 else 0.0)  # what stands further in front goes on a line of its own
        matrix, pairs = _with_names(text[start:end], kind, free[0], room)
        if pairs:
            free.pop(0)
            named += pairs
        text = text[:start] + matrix + text[end:]
        position = start + len(matrix)
    return text, named


def _with_names(matrix: str, kind: str, letter: str, limit: float) -> tuple[str, list[tuple[str, str]]]:
    begin, end = rf"\begin{{{kind}}}", rf"\end{{{kind}}}"
    rows = [_split(row, "&") for row in _split(matrix[len(begin) : -len(end)], r"\\")]
    rows = [row for row in rows if row != [""]]
    names: dict[tuple[int, int], str] = {}

    def shown() -> str:
        lines = (" & ".join(names.get((i, j), e) for j, e in enumerate(row)) for i, row in enumerate(rows))
        return " ".join((begin, " \\\\ ".join(lines), end))

    single = kind == "cases" or all(len(row) == 1 for row in rows)  # in cases the second column holds conditions
    widths = {(i, j): width(e) for i, row in enumerate(rows) for j, e in enumerate(row) if j == 0 or not single}
    for place in sorted(widths, key=lambda p: -widths[p]):
        if width(shown()) <= limit or widths[place] <= width(letter + "_{11}"):
            break
        i, j = place
        indices = f"{i + 1}" if single else f"{i + 1}{j + 1}"
        if max(i, j) >= 9 and len(indices) > 1:
            indices = f"{i + 1},{j + 1}"
        names[place] = f"{letter}_{{{indices}}}"
    return shown(), [(names[i, j], rows[i][j]) for i, j in sorted(names)]


def _end(text: str, start: int, kind: str) -> int:
    """Where the environment that begins at `start` ends."""
    depth = 0
    for match in re.finditer(rf"\\(begin|end)\{{{kind}\}}", text[start:]):
        depth += 1 if match[1] == "begin" else -1
        if depth == 0:
            return start + match.end()
    return -1


def _split(text: str, separator: str) -> list[str]:
    """Parts between separators that stand outside braces and inner environments."""
    parts, depth, current = [], 0, ""
    for token in TOKEN.findall(text):
        if token in ("{", r"\begin"):
            depth += 1
        elif token in ("}", r"\end"):
            depth -= 1
        if token == separator and depth == 0:
            parts.append(current.strip())
            current = ""
        else:
            current += token
    return [*parts, current.strip()]
